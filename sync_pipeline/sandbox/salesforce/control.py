"""The org's part of the control plane: merge, undelete, users, fields, views, rules. A wrong wish is a ValueError."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from sync_pipeline.sandbox.faults import MOST_CALLS
from sync_pipeline.sandbox.runtime import ControlAction
from sync_pipeline.sandbox.salesforce import definitions, listviews, rules
from sync_pipeline.sandbox.salesforce.base import ADMINISTRATOR
from sync_pipeline.sandbox.salesforce.catalogue import FieldDef, ObjectDef
from sync_pipeline.sandbox.salesforce.checks import stored_value
from sync_pipeline.sandbox.salesforce.definitions import keys, known_object
from sync_pipeline.sandbox.salesforce.errors import InvalidSession, RowError, SalesforceError
from sync_pipeline.sandbox.salesforce.models import ADMINISTRATOR_ACTOR, Acting, Org
from sync_pipeline.sandbox.state import Actor, Json, State, within

Body = Mapping[str, Any]
_ERROR_CODE: Final = re.compile(r"[A-Za-z0-9_]{1,80}")


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
    if not _clears(body):
        keys(body, needed=("field", "rewrite"), allowed=tuple(body))
        one, how = _text_field(org, body), body["rewrite"]
        is_set = isinstance(how, Mapping) and set(how) == {"set"} and isinstance(how["set"], str | None)
        if not is_set and how not in rules.REWRITES:
            raise ValueError(
                f'rewrite is one of {", ".join(rules.REWRITES)} or {{"set": text or null}}, got {how!r:.80}'
            )
        if is_set:
            _can_hold(one, how["set"])
    return _rule(org, "trigger", body)


def _validation_rule(org: Org, body: Body) -> Json:
    """{object, field, contains, message, error_code, times}, or {object, clear: true}."""
    keys(body, needed=("object",), allowed=("field", "contains", "message", "error_code", "times", "clear"))
    if not _clears(body):
        keys(body, needed=("field", "contains", "message"), allowed=tuple(body))
        _text_field(org, body)
        _texts(body, "contains", "message")
        code = body.get("error_code", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
        if not isinstance(code, str) or not _ERROR_CODE.fullmatch(code):
            raise ValueError(f"error_code is a text of 1 to 80 letters, digits and underscores, got {code!r:.80}")
    return _rule(org, "validation", body)


def _duplicate_rule(org: Org, body: Body) -> Json:
    """{object, fields, action: alert | block, name}, or {object, clear: true}. Without fields: Email."""
    keys(body, needed=("object",), allowed=("fields", "action", "name", "clear"))
    if _clears(body):
        return _rule(org, "duplicate", body)
    if body.get("action", "alert") not in ("alert", "block"):
        raise ValueError(f"action is alert or block, got {body['action']!r:.80}")
    _texts(body, "name")
    target, names = known_object(org, body), body.get("fields", ["Email"])
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"fields is a list of fields' names, got {names!r:.80}")
    for name in names:
        _known_field(target, name)
    return _rule(org, "duplicate", {**body, "fields": names})


def _rule(org: Org, kind: str, body: Body) -> Json:
    target = known_object(org, body)
    if _clears(body):
        rules.clear_rules(org.state, kind, target)
        return {"cleared": kind}
    if body.get("times") is not None:
        within("times", body["times"], (1, MOST_CALLS))
    return {"id": rules.add_rule(org.state, kind, target, body)}


def _clears(body: Body) -> bool:
    clear = body.get("clear", False)
    if not isinstance(clear, bool):
        raise ValueError(f"clear is true or false, got {clear!r:.80}")
    return clear


def _texts(body: Body, *names: str) -> None:
    for name in names:
        if name in body and not isinstance(body[name], str):
            raise ValueError(f"{name} is a text, got {body[name]!r:.80}")


def _known_field(target: ObjectDef, name: str) -> FieldDef:
    one = target.fields.get(name)
    if one is None:
        raise ValueError(f"{target.name} has no field {name!r}")
    return one


def _text_field(org: Org, body: Body) -> FieldDef:
    """The field that a rule is about: a text that users may write, so that no rule makes a record unreadable."""
    _texts(body, "field")
    target = known_object(org, body)
    one = _known_field(target, body["field"])
    if not one.is_text or not (one.createable or one.updateable):
        texts = [each.name for each in target.fields.values() if each.is_text and each.createable]
        raise ValueError(f"{one.name} is no text that can be written; such texts: {', '.join(texts)}")
    return one


def _can_hold(one: FieldDef, text: str | None) -> None:
    """Raises ValueError for what the field itself would refuse."""
    try:
        value = stored_value(one, text)
    except RowError as error:
        raise ValueError(error.message) from error
    if value is None and one.is_required:
        raise ValueError(f"{one.name} cannot be set to nothing: it is required")
