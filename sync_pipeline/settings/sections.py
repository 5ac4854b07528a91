"""The sections of the settings file, their defaults and rules: frozen pydantic models, named like the YAML's keys."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from sync_pipeline.model.fields import FIELDS, Direction, Kind, apply_mapping
from sync_pipeline.model.fields import Field as MappedField
from sync_pipeline.settings import checks
from sync_pipeline.settings.problems import shown

MatchRule = Literal["email_and_name", "email", "name_and_company"]
ConflictPolicy = Literal["salesforce", "outlook", "latest", "hold"]


def refuse(problems: Iterable[tuple[tuple[str | int, ...], str]]) -> None:
    """Raises what the validators found, if anything: key paths below the validated key, and messages."""
    if found := list(problems):
        raise PydanticCustomError("refused", "refused", {"problems": found})


def _checked(check: Any) -> AfterValidator:
    """A validator from a function that gives a message, or None where the value is good."""

    def validate(value: Any) -> Any:
        message = check(value)
        refuse([((), message)] if message else [])
        return value

    return AfterValidator(validate)


def _scalar(value: Any) -> Any:
    # Here and not by the union: it would complain once for each of its types.
    good = isinstance(value, str | int | float)
    refuse([] if good else [((), f"found {shown(value)}; allowed: text, a number, true or false")])
    return value


Scalar = Annotated[str | int | float | bool, BeforeValidator(_scalar)]
LoopbackUrl = Annotated[str, _checked(checks.loopback_url), AfterValidator(lambda value: value.rstrip("/"))]
Cron = Annotated[str, _checked(checks.cron)]
Address = Annotated[str, _checked(checks.address), AfterValidator(str.lower)]
ApiName = Annotated[str, _checked(checks.api_name)]
ApiPath = Annotated[str, _checked(checks.api_path)]
FieldName = Annotated[str, _checked(checks.field_name)]
OutlookProperty = Annotated[str, _checked(checks.outlook_property)]
Text = Annotated[str, _checked(checks.not_blank)]


class Section(BaseModel):
    """A mapping of the file. Unknown keys are refused; a key with nothing below it is an empty section."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value


class SalesforceSettings(Section):
    """The org and how to log in to it."""

    url: LoopbackUrl | None = None
    domain: str = ""
    auth: Literal["jwt", "client_credentials", "password"] = "jwt"
    credentials: Literal["org", "per_user"] = "org"
    share_all: bool = False
    external_id_field: ApiName | None = None
    api_reserve: int = Field(1000, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _sandbox_login(cls, value: Any) -> Any:
        # The sandbox's own users need no key pair, so there the login without one is the default.
        return {"auth": "client_credentials", "domain": "sandbox.my", **value} if _has_url(value) else value

    @field_validator("domain")
    @classmethod
    def _domain_is_a_label(cls, value: str) -> str:
        refuse([((), message)] if (message := checks.salesforce_domain(value)) else [])
        return value

    @field_validator("auth")
    @classmethod
    def _needs_my_domain(cls, value: str, info: ValidationInfo) -> str:
        if value == "client_credentials" and info.data.get("domain") in ("login", "test"):
            refuse([((), "client_credentials needs the org's My Domain, such as acme.my, in salesforce.domain")])
        return value

    @field_validator("credentials")
    @classmethod
    def _per_user_needs_jwt(cls, value: str, info: ValidationInfo) -> str:
        if value == "per_user" and info.data.get("auth") not in (None, "jwt"):
            refuse([((), "per_user logs in as each mailbox's own user, which only `auth: jwt` can; allowed here: org")])
        return value


class GraphSettings(Section):
    """The tenant and how to log in to it."""

    url: LoopbackUrl | None = None
    tenant: str = ""
    auth: Literal["client_credentials", "delegated"] = "client_credentials"
    cloud: Literal["global", "us_government", "us_dod", "china"] = "global"

    @model_validator(mode="before")
    @classmethod
    def _sandbox_tenant(cls, value: Any) -> Any:
        return {"tenant": "sandbox", **value} if _has_url(value) else value

    @field_validator("tenant")
    @classmethod
    def _tenant_is_named(cls, value: str) -> str:
        refuse([((), message)] if (message := checks.tenant(value)) else [])
        return value


class AccountSettings(Section):
    """R7: how a Company finds its Account."""

    mode: Literal["resolve", "fixed", "none"] = "resolve"
    fixed_id: Annotated[str, _checked(checks.account_id)] | None = None
    retry_empty: bool = False
    company_edits: Literal["keep", "resolve"] = "keep"
    suggestions: int = Field(3, ge=0, le=20)

    @field_validator("fixed_id")
    @classmethod
    def _fixed_needs_an_id(cls, value: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("mode") == "fixed" and value is None:
            refuse([((), "is missing: `mode: fixed` needs the Id of the Account, 18 characters that begin with 001")])
        return value


class CreateSettings(Section):
    """R8: what a new Salesforce Contact gets besides the mapped fields. Values by Salesforce field."""

    defaults: dict[ApiName, Scalar] = {}
    fixed: dict[ApiName, Scalar] = {}
    required: tuple[ApiName, ...] = ()

    @field_validator("fixed")
    @classmethod
    def _either_default_or_fixed(cls, value: dict[str, Scalar], info: ValidationInfo) -> dict[str, Scalar]:
        both = value.keys() & info.data.get("defaults", {}).keys()
        refuse(
            ((name,), "stands under create.defaults too; a fixed value leaves no room for a default") for name in both
        )
        return value


class MappingEntry(Section):
    """What a setting says of one field of the mapping; what is not said stays as in the default mapping."""

    salesforce: ApiPath | None = None
    outlook: OutlookProperty | None = None
    direction: Direction | None = None
    kind: Kind | None = None
    max_length: int | None = Field(None, ge=1, le=131072)


class ConflictSettings(Section):
    """R10: who wins where both sides changed a field to different values."""

    default: ConflictPolicy = "salesforce"
    fields: dict[str, ConflictPolicy] = {}


class MaxDeletes(Section):
    """R20: how many deletions a run may push per mailbox and side, and in the whole org."""

    count: int = Field(10, ge=0)
    percent: float = Field(20, ge=0, le=100)
    cap: int = Field(200, ge=0)
    org: int = Field(500, ge=0)


class FirstRun(Section):
    """R22: above how many operations a new mailbox waits for approval."""

    plan_above: int = Field(1000, ge=0)


class MailboxDefaults(Section):
    """Everything that can differ between mailboxes."""

    enabled: bool = True
    down_sync: bool = True
    view: Text = "mine"
    on_disable: Literal["keep", "remove"] = "keep"
    account: AccountSettings = AccountSettings()
    create: CreateSettings = CreateSettings()
    match: Annotated[tuple[MatchRule, ...], _checked(checks.not_empty)] = ("email_and_name",)
    mapping: dict[FieldName, MappingEntry] = {}
    conflicts: ConflictSettings = ConflictSettings()
    outlook_deletion: Literal["restore", "delete"] = "restore"
    moved_out: Literal["unlink", "restore", "delete"] = "unlink"
    left_view: Literal["remove", "keep"] = "remove"
    max_deletes: MaxDeletes = MaxDeletes()
    first_run: FirstRun = FirstRun()
    problem_category: bool = False

    @field_validator("mapping")
    @classmethod
    def _mapping_can_be_applied(cls, value: dict[str, MappingEntry]) -> dict[str, MappingEntry]:
        refuse(_mapping_problems(tuple(value.items())))
        return value

    @field_validator("conflicts")
    @classmethod
    def _fields_exist(cls, value: ConflictSettings, info: ValidationInfo) -> ConflictSettings:
        known = [field.name for field in FIELDS] + list(info.data.get("mapping", {}))
        refuse((("fields", name), checks.unknown("field", name, known)) for name in value.fields if name not in known)
        return value

    @cached_property
    def fields(self) -> tuple[MappedField, ...]:
        """The field table as this mailbox uses it; fields that are off are left out."""
        return _field_table(tuple(self.mapping.items()))


class MailboxSettings(MailboxDefaults):
    """One mailbox with the settings in force for it: its own laid over `defaults`."""

    mailbox: Address
    salesforce_user: str = ""


class Discover(Section):
    """R1: the rule by which mailboxes are found among the Salesforce users. `where` is a SOQL condition on User."""

    where: Text
    mailbox_field: ApiName = "Email"


class Mailboxes(Section):
    """Which mailboxes there are: `listed` ones, those that `discover` finds, or both. A plain list is `listed`."""

    discover: Discover | None = None
    listed: tuple[MailboxSettings, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _plain_list(cls, value: Any) -> Any:
        return {"listed": value} if isinstance(value, list) else value


class Email(Section):
    """By which server and to whom alerts are sent; who logs in there stands in the environment."""

    to: tuple[Address, ...] = Field(min_length=1)
    sender: Address
    host: str = Field(min_length=1)
    port: int = Field(587, ge=1, le=65535)
    starttls: bool = True


class Alerts(Section):
    """Who is told of a run that failed. The address of the webhook is a secret, and stands in the environment."""

    log: bool = True
    webhook: bool = False
    email: Email | None = None


def _has_url(value: Any) -> bool:
    return isinstance(value, dict) and value.get("url") is not None


Entries = tuple[tuple[str, MappingEntry], ...]


def _plain(entries: Entries) -> dict[str, dict[str, Any]]:
    return {name: entry.model_dump(exclude_none=True) for name, entry in entries}


# Thousands of mailboxes share a handful of mappings.
@lru_cache(maxsize=256)
def _mapping_problems(entries: Entries) -> tuple[tuple[tuple[str, ...], str], ...]:
    return tuple(checks.mapping(_plain(entries)))


@lru_cache(maxsize=256)
def _field_table(entries: Entries) -> tuple[MappedField, ...]:
    return apply_mapping(_plain(entries))
