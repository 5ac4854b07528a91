"""The whole settings file: `load_settings` reads and checks it and reports every problem at once, with its line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from sync_pipeline.model.fields import Field as MappedField
from sync_pipeline.settings.problems import SettingsError, SettingsProblem, dotted
from sync_pipeline.settings.reading import Document, KeyPath, read_yaml
from sync_pipeline.settings.sections import (
    Alerts,
    Cron,
    GraphSettings,
    MailboxDefaults,
    Mailboxes,
    MailboxSettings,
    SalesforceSettings,
    Section,
    refuse,
)
from sync_pipeline.settings.translation import problems_of

_SECRET_MESSAGE = (
    "credentials never stand in the settings; put this into its environment variable, SYNC_PIPELINE_SALESFORCE_… or "
    "SYNC_PIPELINE_GRAPH_…, and take it out of the file"
)
_SHARE_ALL_MESSAGE = (
    "`all` shows every Contact that the one Salesforce user reads, past each mailbox user's own sharing rules: set "
    "salesforce.share_all: true if that is meant, or salesforce.credentials: per_user, or choose another view"
)
_SECRET_KEY = re.compile(r"(^|_)(password|passphrase|secret|token|private_key|api_key|client_id)($|_)", re.IGNORECASE)


class Settings(Section):
    """The settings, every default filled in. A listed mailbox holds the settings in force for it."""

    salesforce: SalesforceSettings
    graph: GraphSettings
    data_dir: Path = Path("data")
    schedule: Cron = "*/30 * * * *"
    time_budget_minutes: int = Field(20, ge=1, le=1440)
    shards: int = Field(1, ge=1, le=1024)
    keep_history_days: int | None = Field(None, ge=1, le=36500)
    defaults: MailboxDefaults = MailboxDefaults()
    mailboxes: Mailboxes
    alerts: Alerts = Alerts()

    @classmethod
    def sandbox(
        cls,
        salesforce_url: str,
        graph_url: str,
        data_dir: Path,
        mailboxes: Sequence[Mapping[str, Any]],
        **settings: Any,
    ) -> Settings:
        """The settings against a local sandbox; `settings` are further top-level keys, laid over these.

        Each mailbox is {"mailbox", "salesforce_user"} and whatever else may stand in a mailbox. Raises SettingsError.
        """
        services = {
            "salesforce": {"url": salesforce_url, "auth": "client_credentials"},
            "graph": {"url": graph_url, "auth": "client_credentials"},
        }
        value = {**services, "data_dir": data_dir, "mailboxes": [dict(mailbox) for mailbox in mailboxes]}
        return _checked(Document(_merge(value, settings)), source="sandbox settings")

    @field_validator("mailboxes")
    @classmethod
    def _mailboxes_fit(cls, value: Mailboxes, info: ValidationInfo) -> Mailboxes:
        refuse(_mailbox_problems(value, info.data))
        return value

    @cached_property
    def _by_address(self) -> dict[str, MailboxSettings]:
        return {mailbox.mailbox: mailbox for mailbox in self.mailboxes.listed}

    def mailbox_settings(self, address: str, salesforce_user: str = "") -> MailboxSettings:
        """The settings in force for a mailbox; `salesforce_user` is the user found where mailboxes are discovered.

        Raises KeyError if the mailbox is not listed and none are discovered.
        """
        found = self._by_address.get(address.lower())
        if found is not None:
            return found if found.salesforce_user else found.model_copy(update={"salesforce_user": salesforce_user})
        if self.mailboxes.discover is None:
            raise KeyError(f"{address} is not among the mailboxes of the settings")
        own = {name: getattr(self.defaults, name) for name in MailboxDefaults.model_fields}
        return MailboxSettings(mailbox=address, salesforce_user=salesforce_user, **own)

    @cached_property
    def fields(self) -> tuple[MappedField, ...]:
        """Every field that some mailbox maps, once. Between mailboxes only a field's direction can differ."""
        tables = {id(table): table for table in (self.defaults.fields, *(m.fields for m in self.mailboxes.listed))}
        fields: dict[str, MappedField] = {}
        for table in tables.values():
            for field in table:
                fields.setdefault(field.name, field)
        return tuple(fields.values())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works and had better be otherwise, in sentences."""
        found = []
        if self.salesforce.auth == "password":
            found.append("salesforce.auth: password keeps a person's password in the environment; prefer jwt")
        if self.shards > 1:
            found.append(f"shards: {self.shards} has no effect yet; all mailboxes share one warehouse file and one run")
        return tuple(found)


def load_settings(path: Path) -> Settings:
    """Reads a settings file; `data_dir` is relative to the file. Raises SettingsError with every problem found."""
    try:
        document = read_yaml(path.read_bytes())
    except OSError as error:
        message = f"cannot be read: {error.strerror}; copy settings.example.yaml and name it with --settings"
        raise SettingsError([SettingsProblem(None, "", message)], str(path)) from error
    settings = _checked(document, source=str(path))
    return settings.model_copy(update={"data_dir": path.resolve().parent / settings.data_dir.expanduser()})


def _checked(document: Document, source: str) -> Settings:
    """The settings in a document that was read. Raises SettingsError."""
    if not isinstance(document.value, dict):
        shape = SettingsProblem(
            document.line(()), "", "must be a mapping of keys to values, as settings.example.yaml shows"
        )
        raise SettingsError(document.problems or [shape], source)
    found = {path: _SECRET_MESSAGE for path in _secret_keys(document.value, ())}
    try:
        settings = Settings.model_validate(_with_defaults(document.value))
    except ValidationError as error:
        for path, message in problems_of(error, Settings):
            found.setdefault(_path_in_file(path, document, found), message)
    problems = [SettingsProblem(document.line(path), dotted(path), message) for path, message in found.items()]
    if problems or document.problems:
        raise SettingsError([*document.problems, *problems], source)
    return settings


def _merge(base: Any, over: Any) -> Any:
    """`over` laid over `base`, mapping by mapping; nothing leaves a mapping as it was."""
    if isinstance(base, dict) and over is None:
        return base
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    return {**base, **{key: _merge(base[key], value) if key in base else value for key, value in over.items()}}


def _with_defaults(value: dict[str, Any]) -> dict[str, Any]:
    """The file's values with the section `defaults` laid under every listed mailbox."""
    defaults, mailboxes = value.get("defaults"), value.get("mailboxes")
    listed = mailboxes.get("listed") if isinstance(mailboxes, dict) else mailboxes
    if not (isinstance(defaults, dict) and isinstance(listed, list)):
        return value
    laid = [_merge(defaults, mailbox) if isinstance(mailbox, dict) else mailbox for mailbox in listed]
    return {**value, "mailboxes": {**mailboxes, "listed": laid} if isinstance(mailboxes, dict) else laid}


def _path_in_file(path: KeyPath, document: Document, found: Collection[KeyPath]) -> KeyPath:
    """Where in the file a key path of the validated settings stands: a mailbox's value may come from the defaults.

    `found` are the paths with a problem so far: what is wrong with the defaults is not said again for each mailbox.
    """
    if path[:2] != ("mailboxes", "listed"):
        return path
    short_form = not isinstance(document.value.get("mailboxes"), dict)
    in_mailbox = ("mailboxes", *path[2:]) if short_form else path
    in_defaults = ("defaults", *path[3:])
    if in_mailbox not in document.lines and (in_defaults in document.lines or in_defaults in found):
        return in_defaults
    return in_mailbox


def _secret_keys(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    """Keys that look like credentials, except where keys are names of Salesforce fields."""
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, below in items:
        if isinstance(key, str) and _SECRET_KEY.search(key):
            yield (*path, key)
        elif key not in ("create", "mapping"):
            yield from _secret_keys(below, (*path, key))


def _mailbox_problems(mailboxes: Mailboxes, settings: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """What is wrong between the mailboxes and the rest; `settings` holds the sections that are right by themselves."""
    salesforce, graph, defaults = (settings.get(name) for name in ("salesforce", "graph", "defaults"))
    if not mailboxes.listed and mailboxes.discover is None:
        yield (), "names no mailbox; list at least one, or discover them: {discover: {where: <SOQL condition on User>}}"
    if graph and graph.auth == "delegated" and (len(mailboxes.listed) > 1 or mailboxes.discover):
        yield (), "`graph.auth: delegated` reaches one's own mailbox only; list one, or use client_credentials"
    passes_over_sharing = salesforce and salesforce.credentials == "org" and not salesforce.share_all
    first: dict[str, int] = {}
    known = {field.name: field for field in defaults.fields} if defaults else {}
    for index, mailbox in enumerate(mailboxes.listed):
        path = ("listed", index)
        if first.setdefault(mailbox.mailbox, index) != index:
            yield (*path, "mailbox"), f"{mailbox.mailbox} is listed already, as mailbox [{first[mailbox.mailbox]}]"
        if not mailbox.salesforce_user and mailboxes.discover is None:
            yield (*path, "salesforce_user"), "is missing; name the Salesforce user whose mailbox this is"
        if passes_over_sharing and mailbox.view == "all":
            yield (*path, "view"), _SHARE_ALL_MESSAGE
        for field in mailbox.fields:
            other = known.setdefault(field.name, field)
            if other is not field and replace(field, direction=other.direction) != other:
                yield (*path, "mapping", field.name), "only the direction of a field can differ between mailboxes"
    if passes_over_sharing and mailboxes.discover and defaults and defaults.view == "all":
        yield (), _SHARE_ALL_MESSAGE
