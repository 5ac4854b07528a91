"""The org's part of the control plane: merge, undelete, users, fields, views, rules. A wrong wish is a ValueError."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sync_pipeline.sandbox.runtime import ControlAction
from sync_pipeline.sandbox.salesforce import definitions, listviews, rules
from sync_pipeline.sandbox.salesforce.base import ADMINISTRATOR
from sync_pipeline.sandbox.salesforce.definitions import keys
from sync_pipeline.sandbox.salesforce.errors import InvalidSession, SalesforceError
from sync_pipeline.sandbox.salesforce.models import ADMINISTRATOR_ACTOR, Acting, Org
from sync_pipeline.sandbox.state import Actor, Json, State

Body = Mapping[str, Any]


def control_actions() -> dict[str, ControlAction]:
    """Name below /_sandbox/ -> action."""
    actions: dict[str, Callable[[Org, Body], Any]] = {
        "merge": _merge,
        "undelete": _undelete,
        "empty_bin": _empty_bin,
        "users": _user,
        "person_accounts": _person_account,
        "objects": definitions.add_object,
        "fields": definitions.change_field,
        "listviews": listviews.change,
        "triggers": _trigger,
        "validation_rules": _validation_rule,
        "duplicate_rules": _duplicate_rule,
    }
    return {f"salesforce/{name}": _action(action) for name, action in actions.items()}


def _action(action: Callable[[Org, Body], Any]) -> ControlAction:
    def run(state: State, body: Body) -> Any:
        try:
            with state.transaction():
                org = Org(state)
                org.expire_bin()
                return action(org, body)
        except SalesforceError as error:
            raise ValueError(str(error)) from error

    return run


def _acting(org: Org, body: Body) -> Acting:
    """The person who does it; the administrator unless the body names a `user`."""
    name = str(body.get("user") or ADMINISTRATOR)
    try:
        return org.acting(Actor(f"user:{name}", name))
    except InvalidSession:
        raise ValueError(f"there is no active Salesforce user {name!r}") from None


def _merge(org: Org, body: Body) -> Json:
    keys(body, needed=("winner", "losers"), allowed=("user", "fill"))
    losers = [str(each) for each in body["losers"]]
    org.merge(_acting(org, body), str(body["winner"]), losers, fill=bool(body.get("fill", False)))
    return {"winner": body["winner"], "losers": losers}


def _undelete(org: Org, body: Body) -> Json:
    keys(body, needed=("ids",), allowed=("user",))
    for each in body["ids"]:
        org.undelete(_acting(org, body), str(each))
    return {"ids": list(body["ids"])}


def _empty_bin(org: Org, body: Body) -> Json:
    keys(body, allowed=("ids",))
    return {"removed": org.empty_bin(body.get("ids"))}


def _user(org: Org, body: Body) -> Json:
    more = ("email", "alias", "federation_identifier", "is_active", "administrator")
    keys(body, needed=("username", "name"), allowed=("mailbox", *more))
    for key, value in body.items():
        if not isinstance(value, bool if key in ("is_active", "administrator") else str):
            raise ValueError(
                f"{key} is a {'boolean' if key in ('is_active', 'administrator') else 'text'}, got {value!r}"
            )
    user = org.user(body["username"])
    if user is not None and set(body) <= {"username", "name", "is_active"}:
        active = int(body.get("is_active", True))
        org.state.db.execute(
            'UPDATE "sf_User" SET IsActive = ?, Name = ? WHERE Id = ?', (active, body["name"], user["Id"])
        )
        org.log_change("User", user["Id"], "update", user)
        return {"id": user["Id"]}
    user_id = org.create_user(body["username"], body["name"], **{key: body[key] for key in more if key in body})
    if body.get("mailbox"):
        org.state.add_person(mailbox=body["mailbox"], salesforce_user=body["username"], name=body["name"])
    return {"id": user_id}


def _person_account(org: Org, body: Body) -> Json:
    for key, value in body.items():
        if not isinstance(value, str):
            raise ValueError(f"{key} is a text, got {value!r}")
    account, contact = org.insert_person_account(body, actor=ADMINISTRATOR_ACTOR)
    return {"account": account, "contact": contact}


def _trigger(org: Org, body: Body) -> Json:
    """{object, field, rewrite: upper | lower | trim | collapse | {"set": value}, times}, or {object, clear: true}."""
    keys(body, needed=("object",), allowed=("field", "rewrite", "times", "clear"))
    if not body.get("clear"):
        how = body.get("rewrite")
        is_set = isinstance(how, Mapping) and set(how) == {"set"} and isinstance(how["set"], str | None)
        if not is_set and how not in rules.REWRITES:
            raise ValueError(f'rewrite is one of {", ".join(rules.REWRITES)} or {{"set": text or null}}, got {how!r}')
    return _rule(org, "trigger", body, ("field",))


def _validation_rule(org: Org, body: Body) -> Json:
    """{object, field, contains, message, error_code, times}, or {object, clear: true}."""
    keys(body, needed=("object",), allowed=("field", "contains", "message", "error_code", "times", "clear"))
    if not body.get("clear"):
        keys(body, needed=("field", "contains", "message"), allowed=tuple(body))
        for key in ("contains", "message", "error_code"):
            if not isinstance(body.get(key, ""), str):
                raise ValueError(f"{key} is a text, got {body[key]!r}")
    return _rule(org, "validation", body, ("field",))


def _duplicate_rule(org: Org, body: Body) -> Json:
    """{object, fields, action: alert | block, name}, or {object, clear: true}. Without fields: Email."""
    keys(body, needed=("object",), allowed=("fields", "action", "name", "clear"))
    if body.get("action", "alert") not in ("alert", "block"):
        raise ValueError(f"action is alert or block, got {body['action']!r}")
    return _rule(org, "duplicate", {"fields": ["Email"], **body}, ("fields",))


def _rule(org: Org, kind: str, body: Body, naming: tuple[str, ...]) -> Json:
    target = definitions.known_object(org, body)
    times = body.get("times")
    if times is not None and (type(times) is not int or times < 1):
        raise ValueError(f"times is a whole number from 1, got {times!r}")
    if body.get("clear"):
        rules.clear_rules(org.state, kind, target)
        return {"cleared": kind}
    names = [name for key in naming for name in ([body[key]] if isinstance(body[key], str) else body[key])]
    for name in names:
        if name not in target.fields:
            raise ValueError(f"{target.name} has no field {name!r}")
    return {"id": rules.add_rule(org.state, kind, target, body)}
