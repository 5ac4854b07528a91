"""The verb that erases a person's data from warehouse and exports: shown first, done with --yes."""

from __future__ import annotations

import getpass
import os
import re
from typing import TYPE_CHECKING, Any

import click

from sync_pipeline.commands.invocation import (
    DONE,
    WITH_PROBLEMS,
    Invocation,
    Verb,
    no_run_meanwhile,
    now_for,
    pass_invocation,
    writing,
)

if TYPE_CHECKING:
    from rich.console import Console

    from sync_pipeline.settings import Settings

#: Ids of Salesforce are 15 or 18 characters long, those of Graph much longer.
_ID = re.compile(r"003[0-9A-Za-z]{12}([0-9A-Za-z]{3})?|[0-9A-Za-z+/_=-]{20,}")
_NEXT = (
    "Delete it in Salesforce and in Outlook, let `sync-pipeline run` see that, then forget again. Until then the "
    "mirror and the link stay, because the next run would read them again."
)


@click.command(cls=Verb)
@click.argument("person", metavar="EMAIL|ID")
@click.option("--yes", is_flag=True, help="Erase it; without this it is only shown.")
@pass_invocation
def forget(invocation: Invocation, person: str, yes: bool) -> int:
    """Erase what is kept of the person with this e-mail address, in the warehouse and its exports.

    Who has no e-mail is named by the Contact's Id or the Outlook contact's id, as `explain` and `history` show it.
    What was done, when and by which rule stays; the values go. Salesforce and Outlook are not asked and not changed.
    This cannot be undone.
    """
    from sync_pipeline.warehouse.erasure import is_email

    if not is_email(person) and not _ID.fullmatch(person.strip()):
        raise click.BadParameter(
            f"{person!r} is neither an e-mail address nor the id of a Contact or of an Outlook contact; "
            "`sync-pipeline explain` shows the ids.",
            param_hint="EMAIL|ID",
        )
    settings = invocation.settings()
    with no_run_meanwhile(settings, "forget"):
        document = _erase(settings, person, yes)
        if yes and (document["found"] or document["unfinished"]):
            document |= _finish(settings, document.pop("address"))
    document.pop("address", None)
    invocation.emit(document, lambda console: _show(console, document, person))
    return WITH_PROBLEMS if document["erased"] and (document["stays"] or document["left"]) else DONE


def _erase(settings: Settings, text: str, yes: bool) -> dict[str, Any]:
    """What is found, and gone from the tables where `yes`."""
    from sync_pipeline.engine.paths import exports_path
    from sync_pipeline.warehouse.erasure import erase, find_person, is_email, refuse_in_doubt, still_there
    from sync_pipeline.warehouse.exported_days import days_to_erase, exported_keys
    from sync_pipeline.warehouse.schema import migrate
    from sync_pipeline.warehouse.tables import scalar

    exports = exports_path(settings)
    with writing(settings) as (reader, writer):
        connection = writer.connection
        migrate(connection, settings.fields)
        address = text.strip().lower() if is_email(text) else text.strip()
        names = [field.name for field in settings.fields if field.kind == "email"]
        exported = exported_keys(connection, exports, address, names)
        person = find_person(connection, settings.fields, address, exported)
        refuse_in_doubt(connection, person)
        unfinished = scalar(connection, "select count(*) from sync.erasures where finished_at is null")
        found = bool(any(person.keys.values()) or (person.email and still_there(connection, address)))
        rows, files = dict[str, int](), 0
        if found:
            connection.execute("begin")
            try:
                rows = erase(connection, person, now=now_for(reader), asked_by=_operator())
                files = len(days_to_erase(connection, exports))
            except BaseException:
                connection.execute("rollback")
                raise
            connection.execute("commit" if yes else "rollback")
    stays = [{"kind": kind, "id": key} for kind, keys in person.living.items() for key in keys]
    return {
        "found": found, "erased": yes and found, "contacts": person.shown, "rows": rows, "files": files, "stays": stays,
        "left": {}, "unfinished": unfinished, "address": address,
    }  # fmt: skip


def _finish(settings: Settings, address: str) -> dict[str, Any]:
    """The exports and the freed blocks; also of an erasure that broke off before."""
    from sync_pipeline.engine.paths import exports_path, warehouse_path
    from sync_pipeline.warehouse.erasure import is_email, still_there
    from sync_pipeline.warehouse.export import export_tables
    from sync_pipeline.warehouse.exported_days import erase_exported
    from sync_pipeline.warehouse.rewriting import rewrite

    exports = exports_path(settings)
    with writing(settings) as (reader, writer):
        files = erase_exported(writer.connection, exports)
        writer.connection.execute("update sync.erasures set files = ? where finished_at is null", [files])
        export_tables(writer.connection, exports)
        now = now_for(reader)
    rewrite(warehouse_path(settings), now)
    with writing(settings) as (_, writer):
        export_tables(writer.connection, exports)
        left = still_there(writer.connection, address) if is_email(address) else {}  # ids stay with the events
        return {"files": files, "unfinished": 0, "left": left}


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())


def _show(console: Console, document: dict[str, Any], person: str) -> None:
    from sync_pipeline.commands.tables import show_rows

    if not document["found"]:
        console.print(f"Nothing is kept of {person}.", highlight=False, markup=False)
        if document["unfinished"]:
            console.print("An erasure before this one broke off. The same with --yes finishes it.")
        return
    show_rows(console, f"Known by {person}", document["contacts"])
    title = "Erased" if document["erased"] else "Would be erased"
    rows = [{"table": table, "rows": count} for table, count in document["rows"].items()]
    rows.append({"table": "exported days", "rows": document["files"]})
    show_rows(console, title, rows)
    if document["stays"]:
        listed = ", ".join(f"{row['kind']} {row['id']}" for row in document["stays"])
        console.print(f"Still synchronised or on a service: {listed}. {_NEXT}", highlight=False, markup=False)
    if document["left"]:
        tables = ", ".join(f"{table} ({rows} rows)" for table, rows in document["left"].items())
        console.print(f"The address still stands in {tables}.", highlight=False, markup=False)
    if document["erased"]:
        console.print("It is gone from warehouse and exports. Backups of them are yours to delete.", highlight=False)
    else:
        console.print("Nothing was erased. The same with --yes erases it, and cannot be undone.", style="bold")
