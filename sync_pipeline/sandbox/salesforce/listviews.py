"""List views as the REST API shows them: the list, one, its describe with the SOQL to run, and its results as texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.base import ListViewDef, insert_list_view
from sync_pipeline.sandbox.salesforce.catalogue import ObjectDef
from sync_pipeline.sandbox.salesforce.errors import NotFound, SalesforceError
from sync_pipeline.sandbox.salesforce.models import Acting, Org, Row
from sync_pipeline.sandbox.salesforce.queries import run_query
from sync_pipeline.sandbox.salesforce.soql import Compare, Condition, Group, Like, Negation, Within, parse_condition
from sync_pipeline.sandbox.salesforce.storage import from_stamp, stamp
from sync_pipeline.sandbox.state import Json

COLUMNS: Final = {
    "Contact": (("Name", "Name"), ("Account.Name", "Account Name"), ("Account.Site", "Account Site"),
                ("Phone", "Phone"), ("Email", "Email"), ("Owner.Alias", "Contact Owner Alias")),
    "Account": (("Name", "Account Name"), ("Site", "Account Site"), ("BillingState", "Billing State/Province"),
                ("Phone", "Phone"), ("toLabel(Type)", "Type"), ("Owner.Alias", "Account Owner Alias")),
    "Lead": (("Name", "Name"), ("Company", "Company"), ("Email", "Email"), ("Owner.Alias", "Owner Alias")),
}  # fmt: skip
CUSTOM_COLUMNS: Final = (("Name", "Name"), ("Owner.Alias", "Owner Alias"))
HIDDEN_COLUMNS: Final = ("Id", "CreatedDate", "LastModifiedDate", "SystemModstamp")
_ORDER: Final = " ORDER BY Name ASC NULLS FIRST, Id ASC NULLS FIRST"
_OPERATORS: Final = {
    "=": "equals", "!=": "notEqual", "<": "lessThan", "<=": "lessThanOrEqualTo", ">": "greaterThan",
    ">=": "greaterThanOrEqualTo",
}  # fmt: skip
MOST_RESULTS: Final = 2000


def find(org: Org, acting: Acting, target: ObjectDef, view_id: str) -> Row:
    """The view's row. Raises NotFound for one that is gone or not shared with the user."""
    views = org.object("ListView")
    row = org.read(acting, views, view_id)
    if row["SobjectType"] != target.name:
        raise NotFound()
    return row


def listing(org: Org, acting: Acting, target: ObjectDef, version: str) -> Json:
    """GET listviews: all that the user sees, in the order of their labels."""
    clause, values = org.visible(acting, org.object("ListView"), "t0") or ("1", [])
    rows = org.state.db.execute(
        f'SELECT * FROM "sf_ListView" t0 WHERE t0.SobjectType = ? AND {clause} ORDER BY fold(t0.Name), t0.Id',
        (target.name, *values),
    ).fetchall()
    entries = [entry(dict(row), version) for row in rows]
    told: Json = {"done": True, "listviews": entries}
    if org.state.switches["salesforce_listviews_paging_keys"]:
        told |= {"nextRecordsUrl": None, "size": len(entries), "sobjectType": target.name}
    return told


def entry(row: Row, version: str) -> Json:
    """One element of the list."""
    url = f"/services/data/v{version}/sobjects/{row['SobjectType']}/listviews/{row['Id']}"
    return {
        "describeUrl": f"{url}/describe",
        "developerName": row["DeveloperName"],
        "id": row["Id"],
        "label": row["Name"],
        "resultsUrl": f"{url}/results",
        "soqlCompatible": bool(row["IsSoqlCompatible"]),
        "url": url,
    }


def soql_of(row: Row) -> str | None:
    """The query that lists the view's records; None where it cannot be said in SOQL."""
    if not row["IsSoqlCompatible"]:
        return None
    names = [name for name, _ in COLUMNS.get(row["SobjectType"], CUSTOM_COLUMNS)]
    scope = "" if row["_scope"] == "everything" else f" USING SCOPE {row['_scope']}"
    where = f" WHERE {row['_where']}" if row["_where"] else ""
    return f"SELECT {', '.join([*names, *HIDDEN_COLUMNS])} FROM {row['SobjectType']}{scope}{where}{_ORDER}"


def describe(row: Row, target: ObjectDef) -> Json:
    """GET listviews/{id}/describe; the id has 15 characters there."""
    order = [
        {"fieldNameOrPath": name, "nullsPosition": "first", "sortDirection": "ascending"} for name in ("Name", "Id")
    ]
    where: Json = {"conditions": [], "conjunction": "and"}
    if row["_where"]:
        where = _condition(parse_condition(row["_where"]), row["_where"])
    return {
        "columns": _columns(target),
        "id": row["Id"][:15],
        "orderBy": order,
        "query": soql_of(row),
        "relatedEntityId": None,
        "scope": None if row["_scope"] == "everything" else row["_scope"],
        "scopeEntityId": None,
        "sobjectType": target.name,
        "whereCondition": where,
    }


def results(org: Org, acting: Acting, row: Row, target: ObjectDef, version: str, *, limit: int, offset: int) -> Json:
    """GET listviews/{id}/results: every value a text. Raises SalesforceError."""
    if not 1 <= limit <= MOST_RESULTS:
        raise SalesforceError(400, "INVALID_QUERY_LIMIT", f"limit must be from 1 to {MOST_RESULTS}")
    soql, records = soql_of(row), list[Json]()
    if soql is not None:
        answer = run_query(org, acting, f"{soql} LIMIT {limit} OFFSET {offset}", include_deleted=False,
                           batch_size=None, version=version)  # fmt: skip
        records = answer["records"]
    columns = _columns(target)
    return {
        "columns": columns,
        "developerName": row["DeveloperName"],
        "done": True,
        "id": row["Id"],
        "label": row["Name"],
        "records": [
            {"columns": [_cell(record, column["fieldNameOrPath"]) for column in columns]} for record in records
        ],
        "size": len(records),
    }


def change(org: Org, body: Mapping[str, Any]) -> Json:
    """The control plane's hand: creates a view, changes the one of that developer name, or deletes it.

    body: {developer_name, label, scope, where, soql_compatible, visible_to, object} or {developer_name, delete: true}.
    """
    known = ("developer_name", "label", "scope", "where", "soql_compatible", "visible_to", "object", "delete")
    unknown = sorted(set(body) - set(known))
    if unknown or "developer_name" not in body:
        raise ValueError(
            f"unknown key {unknown[0]!r}" if unknown else "developer_name is needed; known: " + ", ".join(known)
        )
    for key in ("developer_name", "label", "scope", "object"):
        if not isinstance(body.get(key, ""), str):
            raise ValueError(f"{key} is a text, got {body[key]!r}")
    if not isinstance(body.get("where"), str | None):
        raise ValueError(f"where is a SOQL condition or null, got {body['where']!r}")
    seen_by = body.get("visible_to")
    if seen_by not in (None, "all") and not (
        isinstance(seen_by, list) and all(isinstance(each, str) for each in seen_by)
    ):
        raise ValueError(f"visible_to is a list of usernames, all or null, got {seen_by!r}")
    name = str(body["developer_name"])
    row = org.state.db.execute('SELECT * FROM "sf_ListView" WHERE fold(DeveloperName) = fold(?)', (name,)).fetchone()
    if body.get("delete"):
        if row is None:
            raise ValueError(f"there is no list view {name!r}")
        org.log_change("ListView", row["Id"], "delete", dict(row))
        org.state.db.execute('DELETE FROM "sf_ListView" WHERE Id = ?', (row["Id"],))
        return {"id": row["Id"], "deleted": True}
    view = _definition(name, body, None if row is None else dict(row))
    _validate(org, view)
    if row is None:
        made = insert_list_view(org.state, view, org.administrator().user_id)
        org.log_change("ListView", made, "create", None)
        return {"id": made}
    now = stamp(org.state.now())
    org.state.db.execute(
        'UPDATE "sf_ListView" SET Name = ?, SobjectType = ?, IsSoqlCompatible = ?, _scope = ?, _where = ?,'
        " _visible_to = ?, LastModifiedDate = ?, SystemModstamp = ? WHERE Id = ?",
        (view.label, view.object, int(view.soql_compatible), view.scope, view.where, _names(view), now, now, row["Id"]),
    )
    org.log_change("ListView", row["Id"], "update", dict(row))
    return {"id": row["Id"]}


def _definition(name: str, body: Mapping[str, Any], row: Row | None) -> ListViewDef:
    old = {
        "label": name, "scope": "everything", "where": None, "soql_compatible": True, "visible_to": None,
        "object": "Contact",
    } if row is None else {
        "label": row["Name"], "scope": row["_scope"], "where": row["_where"],
        "soql_compatible": bool(row["IsSoqlCompatible"]), "object": row["SobjectType"],
        "visible_to": None if row["_visible_to"] is None else json.loads(row["_visible_to"]),
    }  # fmt: skip
    new = {**old, **{key: value for key, value in body.items() if key in old}}
    visible_to = None if new["visible_to"] in (None, "all") else tuple(new["visible_to"])
    return ListViewDef(
        name, new["label"], new["scope"], new["where"], new["soql_compatible"], visible_to, new["object"]
    )


def _validate(org: Org, view: ListViewDef) -> None:
    known = [*COLUMNS, *(target.name for target in org.catalogue.objects.values() if target.is_custom)]
    if view.object not in known or view.scope not in ("everything", "mine"):
        raise ValueError(f"a list view is of {', '.join(known)}, its scope everything or mine")
    condition = f" WHERE {view.where}" if view.where else ""
    try:
        run_query(org, org.administrator(), f"SELECT Id FROM {view.object}{condition} LIMIT 1", include_deleted=False,
                  batch_size=None, version="59.0")  # fmt: skip
    except SalesforceError as error:
        raise ValueError(f"the view's condition does not run: {error.message}") from error


def _names(view: ListViewDef) -> str | None:
    return None if view.visible_to is None else json.dumps([name.casefold() for name in view.visible_to])


def _columns(target: ObjectDef) -> list[Json]:
    shown = [(name, label, False) for name, label in COLUMNS.get(target.name, CUSTOM_COLUMNS)]
    columns = []
    for name, label, hidden in [*shown, *((name, name, True) for name in HIDDEN_COLUMNS)]:
        path = name.removeprefix("toLabel(").removesuffix(")")
        own = target.field(path)
        kind = "string" if own is None else own.type
        columns.append({
            "ascendingLabel": None if hidden else "Z-A", "descendingLabel": None if hidden else "A-Z",
            "fieldNameOrPath": path, "hidden": hidden, "label": label, "searchable": False, "selectListItem": name,
            "sortDirection": "ascending" if name == "Name" else None, "sortIndex": 0 if name == "Name" else None,
            "sortable": not hidden, "type": kind,
        })  # fmt: skip
    return columns


def _condition(condition: Condition, text: str) -> Json:
    match condition:
        case Group(conjunction, items):
            return {"conditions": [_condition(item, text) for item in items], "conjunction": conjunction.lower()}
        case Negation(item):
            return {"condition": _condition(item, text)}
        case Compare(operand, operator, value):
            return {"field": _name(operand), "operator": _OPERATORS[operator], "values": [value.text]}
        case Like(operand, pattern):
            return {"field": _name(operand), "operator": "like", "values": [pattern.text]}
        case Within(operand, values, negated):
            listed = [value.text for value in values] if isinstance(values, tuple) else []
            return {"field": _name(operand), "operator": "notIn" if negated else "in", "values": listed}
        case _:
            raise TypeError(f"no such condition in {text!r}: {condition!r}")


def _name(operand: Any) -> str:
    return str(getattr(operand, "path", None) or operand)


def _cell(record: Json, path: str) -> Json:
    value: Any = record
    for part in path.split("."):
        value = None if value is None else value.get(part)
    if isinstance(value, str) and path in HIDDEN_COLUMNS[1:]:
        value = from_stamp(value).strftime("%a %b %d %H:%M:%S GMT %Y")
    return {"fieldNameOrPath": path, "value": None if value is None else str(value)}
