"""The org's own rules, set by the control plane: rewriting triggers, validation, duplicate rules, unique fields."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from sync_pipeline.sandbox.salesforce.catalogue import FieldDef, ObjectDef
from sync_pipeline.sandbox.salesforce.errors import DuplicatesDetected, RowError
from sync_pipeline.sandbox.state import Json, State, fold

REWRITES: Final = ("upper", "lower", "trim", "collapse")
# How often each validation rule refused. In memory: what a refusal writes to the database is undone with it.
_refused: Final[WeakKeyDictionary[State, Counter[int]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Rule:
    """One row of sf_rules; `definition` as the control plane got it."""

    id: int
    definition: Mapping[str, Any]


def rules_of(state: State, kind: str, target: ObjectDef) -> list[Rule]:
    """The rules of a kind (trigger, validation, duplicate) in the order they were made."""
    rows = state.db.execute(
        "SELECT id, definition FROM sf_rules WHERE kind = ? AND object = ? ORDER BY id", (kind, target.name)
    )
    return [Rule(row["id"], json.loads(row["definition"])) for row in rows.fetchall()]


def add_rule(state: State, kind: str, target: ObjectDef, definition: Mapping[str, Any]) -> int:
    """Keeps a rule and returns its number."""
    row = state.db.execute(
        "INSERT INTO sf_rules (kind, object, definition) VALUES (?, ?, ?) RETURNING id",
        (kind, target.name, json.dumps(dict(definition), ensure_ascii=False)),
    ).fetchone()
    _refused.setdefault(state, Counter()).pop(row["id"], None)
    return int(row["id"])


def clear_rules(state: State, kind: str, target: ObjectDef) -> None:
    """Forgets an object's rules of a kind."""
    state.db.execute("DELETE FROM sf_rules WHERE kind = ? AND object = ?", (kind, target.name))


def rewrite(state: State, target: ObjectDef, record: Json) -> None:
    """Lets the org's triggers change the record before it is saved. A trigger with `times` goes when it is used up."""
    for rule in rules_of(state, "trigger", target):
        definition = dict(rule.definition)
        name, how = definition["field"], definition["rewrite"]
        before = record.get(name)
        record[name] = how["set"] if isinstance(how, Mapping) else _rewritten(how, before)
        if record[name] != before:
            _use_up(state, rule)


def _rewritten(how: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match how:
        case "upper":
            return value.upper()
        case "lower":
            return value.lower()
        case "trim":
            return value.strip()
        case _:
            return " ".join(value.split())


def _use_up(state: State, rule: Rule) -> None:
    times = rule.definition.get("times")
    if times is None:
        return
    if times <= 1:
        state.db.execute("DELETE FROM sf_rules WHERE id = ?", (rule.id,))
    else:
        left = json.dumps({**rule.definition, "times": times - 1}, ensure_ascii=False)
        state.db.execute("UPDATE sf_rules SET definition = ? WHERE id = ?", (left, rule.id))


def check_validation_rules(state: State, target: ObjectDef, record: Json) -> None:
    """Raises RowError for the first validation rule that the record breaks. A rule with `times` refuses that often."""
    for rule in rules_of(state, "validation", target):
        definition, used = rule.definition, _refused.setdefault(state, Counter())
        value = record.get(definition["field"])
        if definition.get("times") is not None and used[rule.id] >= definition["times"]:
            continue
        if isinstance(value, str) and str(definition["contains"]).casefold() in value.casefold():
            used[rule.id] += 1
            code = definition.get("error_code", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
            raise RowError(code, definition["message"], [definition["field"]])


def check_unique(state: State, target: ObjectDef, changes: Mapping[str, Any], own_id: str | None) -> None:
    """Raises RowError DUPLICATE_VALUE where another living record has a unique field's value."""
    for name, value in changes.items():
        one = target.fields[name]
        if one.unique and value is not None:
            other = next((found for found in having(state, target, one, value) if found != own_id), None)
            if other is not None:
                message = f"duplicate value found: {name} duplicates value on record with id: {other[:15]}"
                raise RowError("DUPLICATE_VALUE", message, [name])


def check_duplicates(
    state: State, target: ObjectDef, record: Json, changes: Mapping[str, Any], own_id: str | None, *, allowed: bool,
    details: bool,
) -> None:  # fmt: skip
    """Raises DuplicatesDetected for a record that an active duplicate rule matches; an alert passes where allowed."""
    for rule in rules_of(state, "duplicate", target):
        definition = rule.definition
        names: list[str] = list(definition["fields"])
        if not any(name in changes for name in names) or any(record.get(name) is None for name in names):
            continue
        if allowed and definition.get("action", "alert") == "alert":
            continue
        found = set.intersection(*(set(having(state, target, target.fields[name], record[name])) for name in names))
        matches = sorted(found - {own_id})
        if matches:
            raise DuplicatesDetected(
                definition.get("name", "Sandbox_Duplicate_Rule"), target.name, matches, details=details
            )


def having(state: State, target: ObjectDef, one: FieldDef, value: Any) -> list[str]:
    """Ids of the living records whose field has this value, lowest first; text regardless of case."""
    folds = one.is_text and not one.caseSensitive
    subject = f'fold("{one.name}")' if folds else f'"{one.name}"'
    rows = state.db.execute(
        f"SELECT Id FROM {target.table} WHERE {subject} = ? AND {_living(target)} ORDER BY Id",
        (fold(value) if folds else value,),
    )
    return [row["Id"] for row in rows.fetchall()]


def _living(target: ObjectDef) -> str:
    return "IsDeleted = 0" if "IsDeleted" in target.fields else "1"
