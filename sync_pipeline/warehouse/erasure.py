"""Erases one person's data from the warehouse's tables (`forget`). The events stay, the values go.

What is still on a service keeps its mirror and its link: the next run would read it again."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import duckdb

from sync_pipeline.model.errors import SyncError
from sync_pipeline.model.fields import Field, Kind
from sync_pipeline.warehouse.tables import column_types, fetch, insert, scalar, staged, statement

ERASED: Final = "Erased on request."
_STATEMENT: Final = re.compile(r"^(?:--.*\n|\s)*(?:update|delete from)\s+(\S+)")
#: Ids and versions, which a link needs; everything else that it holds of either side are values.
_IDS_OF_A_LINK: Final = frozenset(("outlook_id", "salesforce_id", "outlook_written_key", "salesforce_written_stamp"))
#: What the mirror keeps of a forgotten Contact that is deleted: ids and times, which merges and links need.
KEPT_OF_A_CONTACT: Final = frozenset((
    "id", "is_deleted", "master_id", "account_id", "owner_id", "created_at", "created_by", "modified_at", "modified_by",
    "modstamp", "is_person_account", "is_readable", "seen_run",
))  # fmt: skip
#: Columns in which a sentence stands that somebody or a service wrote.
_TEXTS: Final = ("reason", "hold_reason", "message", "remedy")
#: A mailbox is known by its owner's address; that stays, whoever has the owner as a contact.
_ADDRESSES: Final = ("mailbox", "mailboxes", "scope", "username")
_OF_CONTACT: Final = "$id in (salesforce_id, left(salesforce_id, 15))"
#: (kind, query of ids) where an id can stand.
_BY_ID: Final = (
    ("contact", "select id from salesforce.contacts where $id in (id, left(id, 15)) "
     f"union select salesforce_id from sync.links where {_OF_CONTACT} "
     f"union select salesforce_id from sync.history where {_OF_CONTACT}"),
    ("item", "select id from outlook.contacts where id = $id "
     "union select outlook_id from sync.links where outlook_id = $id "
     "union select outlook_id from sync.history where outlook_id = $id"),
    ("link", f"select link_id as id from sync.links where outlook_id = $id or {_OF_CONTACT} "
     f"union select link_id from sync.history where link_id <> '' and (outlook_id = $id or {_OF_CONTACT})"),
)  # fmt: skip


class InDoubt(SyncError):
    """A write of this person is in doubt: its intent is needed to find out whether it happened."""

    code = "write_in_doubt"


@dataclass(frozen=True)
class Person:
    """Who was found: ids by kind (contact, item, link), and those that a service still has. `email`: "" if by an id."""

    email: str
    keys: dict[str, list[str]]
    living: dict[str, list[str]]
    #: {name, salesforce_id, outlook_id, mailbox} as far as the mirrors tell.
    shown: list[dict[str, Any]]

    @property
    def contacts(self) -> int:
        """How many contacts were found: records of Salesforce, or one where there are only Outlook contacts."""
        return len(self.keys["contact"]) or min(1, len(self.keys["item"]) + len(self.keys["link"]))


def find_person(
    connection: duckdb.DuckDBPyConnection, fields: Iterable[Field], text: str, exported: Iterable[str] = ()
) -> Person:
    """Everyone who has this address, or had it once, as far as mirrors, links, plans and history tell; or one by an id.

    `text`: an e-mail, a Contact's Id or an Outlook contact's id. `exported`: contact keys that the exported days know
    besides. Fills the temporary tables person and living.
    """
    address = text.strip().lower() if is_email(text) else ""
    mail = [field for field in fields if field.kind is Kind.EMAIL]
    known = {"email": address, "names": [field.name for field in mail], "id": text.strip()}
    held = [
        {"kind": kind, "id": row["id"]}
        for kind, query in (_queries(mail) if address else _BY_ID)
        for row in fetch(connection, query, {key: value for key, value in known.items() if f"${key}" in query})
    ]
    held += [{"kind": kind, "id": key} for key in exported for kind in ("contact", "item")]
    with staged(connection, "held", held, {"kind": "VARCHAR", "id": "VARCHAR"}):
        connection.execute(statement("find_person"))
    shown = fetch(connection, "select * from shown order by all")
    return Person(address, _by_kind(connection, "person"), _by_kind(connection, "living"), shown)


def refuse_in_doubt(connection: duckdb.DuckDBPyConnection, person: Person) -> None:
    """Raises InDoubt where an intent without an outcome is about this person."""
    found = scalar(
        connection,
        "select count(*) from sync.journal where outcome is null and ("
        "($1 <> '' and contains(lower(intent::varchar), $1)) or salesforce_id in (select id from person) "
        "or outlook_id in (select id from person) or link_id in (select id from person))",
        [person.email],
    )
    if found:
        raise InDoubt(
            f"{found} writes of this person were begun by a run that broke off; nobody knows yet whether they arrived.",
            remedy="Run `sync-pipeline run` first: it looks at the services and settles them. Then forget again.",
        )


def erase(connection: duckdb.DuckDBPyConnection, person: Person, *, now: datetime, asked_by: str) -> dict[str, int]:
    """Erases, inside the caller's transaction; logs it without the data. Returns changed rows by table.

    The erasure stands as unfinished until `finished_at` is set: freed blocks and exports still hold the values.
    """
    names = _names(connection)
    counts: dict[str, int] = {}
    with staged(connection, "erased_text", [{"text": ERASED}], {"text": "VARCHAR"}):
        for text in _statements(statement("erase_person")):
            _count(counts, connection, text)
    addresses = [person.email] if person.email else _addresses(connection)
    for text, parameters in (*_mirrors(connection), *_sentences(connection, [*addresses, *names])):
        _count(counts, connection, text, parameters)
    for (table,) in connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'planning' and table_name <> 'stages'"
    ).fetchall():
        connection.execute(f'delete from planning."{table}"')  # everyone's: each planning makes them anew
    counts = {table: rows for table, rows in counts.items() if rows}
    erasure = uuid.uuid4().hex[:16]
    row = {"erasure_id": erasure, "erased_at": now, "asked_by": asked_by, "contacts": person.contacts,
           "rows": sum(counts.values())}  # fmt: skip
    insert(connection, "sync.erasures", [row])
    kinds = {"contact": "salesforce", "item": "outlook", "link": "link"}
    insert(
        connection,
        "sync.erased_keys",
        [{"erasure_id": erasure, "kind": kinds[kind], "id": key} for kind, keys in person.keys.items() for key in keys],
    )
    return counts


def still_there(connection: duckdb.DuckDBPyConnection, email: str) -> dict[str, int]:
    """Rows by table in which the address stands; mailboxes' own addresses are not counted."""
    found = {}
    for schema, table in connection.execute(
        "select schema_name, table_name from duckdb_tables() where not internal and not temporary order by all"
    ).fetchall():
        name = f'{schema}."{table}"'
        kept = [column for column in column_types(connection, name) if column not in _ADDRESSES]
        columns = ", ".join(f'"{column}"' for column in kept)
        query = f"select count(*) from (select {columns} from {name}) as entry where contains(lower(entry::varchar), ?)"
        if kept and (rows := scalar(connection, query, [email])):
            found[f"{schema}.{table}"] = int(rows)
    return found


def is_email(text: str) -> bool:
    """Whether a person was given by an address, and not by an id."""
    return "@" in text.strip("@ ")


def address_of(value: str) -> str:
    """SQL: the address in an e-mail's value, such as `smtp:mia@example.com` or `Mia <mia@example.com>`."""
    bare = f"regexp_replace({value}, '^.*<([^<>]*)>.*$', '\\1', 's')"
    return f"lower(trim(regexp_replace({bare}, '^\\s*(smtp|mailto):', '', 'i')))"


def _queries(mail: Sequence[Field]) -> Iterator[tuple[str, str]]:
    """(kind, query of ids) where an address can stand."""
    for field in mail:
        own = address_of(f'"{field.name}"')
        yield "contact", f"select id from salesforce.contacts where {own} = $email"
        holds = (
            f'list_contains(list_transform("{field.list_column}", lambda entry: {address_of("entry")}), $email)'
            if field.is_list
            else f"{own} = $email"
        )
        yield "item", f"select id from outlook.contacts where {holds}"
        sides = ", ".join(address_of(f'"{side}_{field.name}"') for side in ("outlook", "salesforce"))
        yield "link", f"select link_id as id from sync.links where $email in ({sides})"
    ids = (("contact", "salesforce_id"), ("item", "outlook_id"), ("link", "link_id"))
    for kind, column in ids:
        told = (
            "select event_id from sync.history_values where list_contains($names, field) "
            f"and $email in ({address_of('before')}, {address_of('after')})"
        )
        yield kind, f"select distinct {column} as id from sync.history where {column} <> '' and event_id in ({told})"
        planned = (
            "exists (select 1 from (select unnest(from_json(fields, "
            '\'[{"field": "VARCHAR", "before": "VARCHAR", "after": "VARCHAR"}]\')) as change) '
            "where list_contains($names, change.field) "
            f"and $email in ({address_of('change.before')}, {address_of('change.after')}))"
        )
        yield kind, f"select distinct {column} as id from sync.plan where {column} <> '' and {planned}"
    told = (
        f"list_contains($names, field) and $email in ({address_of('outlook_value')}, {address_of('salesforce_value')})"
    )
    for table in ("sync.history_bases", "sync.conflicts"):
        yield "link", f"select distinct link_id as id from {table} where {told}"


def _by_kind(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, list[str]]:
    keys: dict[str, list[str]] = {"contact": [], "item": [], "link": []}
    for row in fetch(connection, f"select distinct kind, id from {table} order by all"):
        keys[row["kind"]].append(row["id"])
    return keys


def _names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The whole names that the mirrors show; a first name alone would stand in other people's sentences too."""
    found = fetch(
        connection,
        "select name from salesforce.contacts where id in (select id from person) union "
        "select display_name from outlook.contacts where id in (select id from person) union "
        "select outlook_display_name from sync.links where link_id in (select id from person)",
    )
    return sorted({row["name"] for row in found if row["name"] and " " in row["name"].strip()})


def _addresses(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The addresses that the mirrors show of a person who was given by an id."""
    found = fetch(
        connection,
        f"select {address_of('email')} as address from salesforce.contacts where id in (select id from person) union "
        f"select {address_of('entry')} from (select id, unnest(email_list) as entry from outlook.contacts) "
        "where id in (select id from person)",
    )
    return sorted({row["address"] for row in found if row["address"]})


def _mirrors(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, list[Any]]]:
    """Closed links without their bases, Contacts that no service shows without their values."""
    links = [
        column
        for column in column_types(connection, "sync.links")
        if column.startswith(("outlook_", "salesforce_")) and column not in _IDS_OF_A_LINK
    ]
    yield _emptied("sync.links", "link_id", "link", [*links, "account_company"])
    contacts = [column for column in column_types(connection, "salesforce.contacts") if column not in KEPT_OF_A_CONTACT]
    yield _emptied("salesforce.contacts", "id", "contact", contacts)


def _emptied(table: str, key: str, kind: str, columns: Sequence[str]) -> tuple[str, list[Any]]:
    sets = ", ".join(f'"{column}" = null' for column in columns)
    filled = " or ".join(f'"{column}" is not null' for column in columns)
    return (
        f"update {table} set {sets} where {key} in (select id from person where kind = '{kind}') "
        f"and {key} not in (select id from living) and ({filled})",
        [],
    )


def _sentences(connection: duckdb.DuckDBPyConnection, tokens: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
    """Sentences about others, or about a run, that name this person."""
    for schema, table, column in connection.execute(
        "select schema_name, table_name, column_name from duckdb_columns() "
        "where not internal and data_type = 'VARCHAR' and schema_name in ('sync', 'outlook', 'marts') "
        "and list_contains(?, column_name) order by all",
        [list(_TEXTS)],
    ).fetchall():
        for token in tokens:
            yield (
                f'update {schema}."{table}" set "{column}" = regexp_replace("{column}", ?, ?, \'gi\') '
                f'where contains(lower("{column}"), ?)',
                [re.escape(token), ERASED, token.lower()],
            )


def _statements(text: str) -> Iterator[str]:
    yield from (part for part in text.split(";\n") if part.strip())


def _count(
    counts: dict[str, int], connection: duckdb.DuckDBPyConnection, text: str, parameters: Sequence[Any] = ()
) -> None:
    result = connection.execute(text, list(parameters)).fetchall()
    if found := _STATEMENT.match(text):
        table = found[1].replace('"', "")
        counts[table] = counts.get(table, 0) + int(result[0][0])
