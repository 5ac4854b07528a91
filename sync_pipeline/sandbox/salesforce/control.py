"""The org's part of the control plane: merge, undelete, users, fields, views, rules. A wrong wish is a ValueError."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import fields as dataclass_fields
from typing import Any, Final

from sync_pipeline.sandbox.faults import MOST_CALLS
from sync_pipeline.sandbox.runtime import ControlAction
from sync_pipeline.sandbox.salesforce import listviews, rules
from sync_pipeline.sandbox.salesforce.base import ADMINISTRATOR
from sync_pipeline.sandbox.salesforce.catalogue import (
    LONGEST_FILTERABLE,
    FieldDef,
    ObjectDef,
    make_field,
    raw_description,
)
from sync_pipeline.sandbox.salesforce.checks import stored_value
from sync_pipeline.sandbox.salesforce.errors import RowError, SalesforceError
from sync_pipeline.sandbox.salesforce.models import ADMINISTRATOR_ACTOR, Acting, Org
from sync_pipeline.sandbox.salesforce.storage import add_column
from sync_pipeline.sandbox.state import Actor, Json, State, within

Body = Mapping[str, Any]
_ERROR_CODE: Final = re.compile(r"[A-Za-z0-9_]{1,80}")
_API_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_FIELD_KEYS: Final = tuple(one.name for one in dataclass_fields(FieldDef))


def control_actions() -> dict[str, ControlAction]:
    """Name below /_sandbox/ -> action."""
    actions: dict[str, Callable[[Org, Body], Any]] = {
        "merge": _merge,
        "undelete": _undelete,
        "empty_bin": _empty_bin,
        "users": _user,
        "person_accounts": _person_account,
        "fields": _field,
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
                return action(Org(state), body)
        except SalesforceError as error:
            raise ValueError(str(error)) from error

    return run


def _acting(org: Org, body: Body) -> Acting:
    """The person who does it; the administrator unless the body names a `user`."""
    name = str(body.get("user") or ADMINISTRATOR)
    return org.acting(Actor(f"user:{name}", name))


def _merge(org: Org, body: Body) -> Json:
    _keys(body, needed=("winner", "losers"), allowed=("user", "fill"))
    losers = [str(each) for each in body["losers"]]
    org.merge(_acting(org, body), str(body["winner"]), losers, fill=bool(body.get("fill", False)))
    return {"winner": body["winner"], "losers": losers}


def _undelete(org: Org, body: Body) -> Json:
    _keys(body, needed=("ids",), allowed=("user",))
    for each in body["ids"]:
        org.undelete(_acting(org, body), str(each))
    return {"ids": list(body["ids"])}


def _empty_bin(org: Org, body: Body) -> Json:
    _keys(body, allowed=("ids",))
    return {"removed": org.empty_bin(body.get("ids"))}


def _user(org: Org, body: Body) -> Json:
    more = ("email", "alias", "federation_identifier", "is_active", "administrator")
    _keys(body, needed=("username", "name"), allowed=("mailbox", *more))
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


def _field(org: Org, body: Body) -> Json:
    """Adds a field, or changes one. `required` is short for not nillable; `hidden` takes it away from everyone."""
    _keys(body, needed=("object", "name"), allowed=(*_FIELD_KEYS, "required"))
    target = _object(org, body)
    name = str(body["name"])
    old = next((one for one in raw_description(target.name)["fields"] if one["name"] == name), None)
    definition = {key: value for key, value in body.items() if key not in ("object", "required")}
    if "required" in body:
        definition["nillable"] = not body["required"]
    earlier = org.state.db.execute(
        "SELECT definition FROM sf_fields WHERE object = ? AND name = ?", (target.name, name)
    ).fetchone()
    if earlier is not None:
        definition = {**json.loads(earlier["definition"]), **definition}
    elif old is None:
        definition = {"label": name.removesuffix("__c").replace("_", " "), **_custom(name, definition)}
    one = _checked_field(org, {**(old or {}), **definition})
    org.state.db.execute(
        "INSERT INTO sf_fields VALUES (?, ?, ?)"
        " ON CONFLICT (object, name) DO UPDATE SET definition = excluded.definition",
        (target.name, name, json.dumps(definition, ensure_ascii=False)),
    )
    add_column(org.state, target.name, one)
    org.state.record(
        service="salesforce", actor=ADMINISTRATOR_ACTOR, mailbox=None, entity="Field", id=f"{target.name}.{name}",
        action="create" if earlier is None else "update", after=definition,
        before=None if earlier is None else json.loads(earlier["definition"]),
    )  # fmt: skip
    return {"object": target.name, **definition}


def _checked_field(org: Org, description: Json) -> FieldDef:
    """A field that nothing stumbles over later. Raises ValueError."""
    kinds: dict[str, type] = {"length": int, "name": str, "label": str, "referenceTo": list, "picklistValues": list}
    texts = ("type", "compoundFieldName", "relationshipName", "extraTypeInfo", "switch")
    for key, value in description.items():
        expected = kinds.get(key, str | None if key in texts else bool)
        if key != "defaultValue" and (not isinstance(value, expected) or (key == "length" and type(value) is bool)):
            raise ValueError(f"{key} of a field is a {getattr(expected, '__name__', 'text')}, got {value!r}")
    if not _API_NAME.fullmatch(description["name"]):
        raise ValueError(f"a field's name has letters, digits and underscores, got {description['name']!r}")
    if not isinstance(description.get("defaultValue"), str | int | float | None):
        raise ValueError(f"defaultValue is a plain value, got {description['defaultValue']!r}")
    parents = list(description.get("referenceTo", ()))
    unknown = [each for each in parents if not isinstance(each, str) or org.catalogue.object(each) is None]
    if unknown or (description["type"] == "reference") != bool(parents):
        raise ValueError(f"a reference, and nothing else, names the objects it refers to, got {parents!r}")
    if not all(isinstance(each, str) for each in description.get("picklistValues", ())):
        raise ValueError(f"picklistValues is a list of texts, got {description['picklistValues']!r}")
    if description.get("switch") not in (None, *org.state.switches):
        raise ValueError(f"there is no switch {description['switch']!r}")
    return make_field(description)


def _custom(name: str, definition: Json) -> Json:
    if not name.endswith("__c"):
        raise ValueError(f"a new field's name ends with __c, got {name!r}")
    kind = definition.setdefault("type", "string")
    length = definition.setdefault("length", 255 if kind in ("string", "textarea", "picklist", "url") else 0)
    if kind == "textarea" and length > LONGEST_FILTERABLE:
        definition |= {"filterable": False, "sortable": False}
    definition["custom"] = True
    return definition


def _trigger(org: Org, body: Body) -> Json:
    """{object, field, rewrite: upper | lower | trim | collapse | {"set": value}, times}, or {object, clear: true}."""
    _keys(body, needed=("object",), allowed=("field", "rewrite", "times", "clear"))
    if not _clears(body):
        _keys(body, needed=("field", "rewrite"), allowed=tuple(body))
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
    _keys(body, needed=("object",), allowed=("field", "contains", "message", "error_code", "times", "clear"))
    if not _clears(body):
        _keys(body, needed=("field", "contains", "message"), allowed=tuple(body))
        _text_field(org, body)
        _texts(body, "contains", "message")
        code = body.get("error_code", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
        if not isinstance(code, str) or not _ERROR_CODE.fullmatch(code):
            raise ValueError(f"error_code is a text of 1 to 80 letters, digits and underscores, got {code!r:.80}")
    return _rule(org, "validation", body)


def _duplicate_rule(org: Org, body: Body) -> Json:
    """{object, fields, action: alert | block, name}, or {object, clear: true}. Without fields: Email."""
    _keys(body, needed=("object",), allowed=("fields", "action", "name", "clear"))
    if _clears(body):
        return _rule(org, "duplicate", body)
    if body.get("action", "alert") not in ("alert", "block"):
        raise ValueError(f"action is alert or block, got {body['action']!r:.80}")
    _texts(body, "name")
    target, names = _object(org, body), body.get("fields", ["Email"])
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"fields is a list of fields' names, got {names!r:.80}")
    for name in names:
        _known_field(target, name)
    return _rule(org, "duplicate", {**body, "fields": names})


def _rule(org: Org, kind: str, body: Body) -> Json:
    target = _object(org, body)
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
    target = _object(org, body)
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


def _object(org: Org, body: Body) -> ObjectDef:
    target = org.catalogue.object(str(body["object"]))
    if target is None:
        raise ValueError(f"unknown object {body['object']!r}; known: {', '.join(org.catalogue.objects)}")
    return target


def _keys(body: Body, *, needed: tuple[str, ...] = (), allowed: tuple[str, ...] = ()) -> None:
    known = (*needed, *allowed)
    unknown = sorted(set(body) - set(known))
    missing = [key for key in needed if key not in body]
    if unknown or missing:
        what = f"unknown key {unknown[0]!r}" if unknown else f"{missing[0]} is needed"
        raise ValueError(f"{what}; known: {', '.join(known)}")
