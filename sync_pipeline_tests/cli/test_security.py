"""What a run leaves behind: no secret and no token anywhere, and nothing that other users of the machine can read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from sync_pipeline_tests.cli.conftest import Call, settings_of
from sync_pipeline_tests.harness import ANNA, World

WRONG = "Xq7-planted-wrong-secret"


def issued_tokens(world: World) -> set[str]:
    """Every access token that the sandbox has given out."""
    return {row["token"] for row in world.server.state.db.execute("SELECT token FROM tokens")}


def everything_left(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below, and what the DuckDB and Parquet files hold when they are read (on disk they are compressed)."""
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        yield str(path), path.read_bytes()
        if path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as warehouse:
                for schema, table in warehouse.execute(
                    "select schema_name, table_name from duckdb_tables()"
                ).fetchall():
                    yield f"{path} {schema}.{table}", repr(warehouse.table(f"{schema}.{table}").fetchall()).encode()
        if path.suffix == ".parquet":
            yield f"{path} (rows)", repr(duckdb.read_parquet(str(path)).fetchall()).encode()


def test_no_secret_and_no_token_is_left_anywhere(
    world: World, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = settings_of(world)
    world.salesforce.create(LastName="Adler", Email="adler@example.com", OwnerId=world.user_id(ANNA))
    said = [call("run", "--verbose", "--settings", settings)]
    world.anna.create(surname="Birk", email="birk@example.com", categories=["Salesforce"])
    for fault in ("401", "500", "html_error"):
        world.fault(fault, actor="application", times=2)
    said.append(call("run", "--verbose", "--settings", settings))
    for name in ("SALESFORCE_CLIENT_SECRET", "GRAPH_CLIENT_SECRET"):
        with monkeypatch.context() as context:
            context.setenv(f"SYNC_PIPELINE_{name}", WRONG)
            said.append(call("run", "--verbose", "--settings", settings))
    said.append(call("doctor", "--settings", settings))
    secrets = {WRONG, world.secrets.salesforce_client_secret, world.secrets.graph_client_secret, *issued_tokens(world)}
    assert len(secrets) >= 4, "the sandbox gave out a token for each service"
    assert [answer.code for answer in said[2:4]] == [3, 3]
    left = [*everything_left(tmp_path), *((f"output {n}", (a.out + a.err).encode()) for n, a in enumerate(said))]
    found = {(where, secret) for where, content in left for secret in secrets if secret.encode() in content}
    assert found == set()
    assert any(".duckdb sync.history" in where for where, _ in left)
    assert any("dagster" in where for where, _ in left)


def test_what_a_run_writes_is_for_its_owner_only(world: World, call: Call) -> None:
    assert call("run", "--settings", settings_of(world)).code == 0
    data = world.directory / "data"
    assert data.stat().st_mode & 0o077 == 0
    open_to_others = [str(path) for path in data.rglob("*.duckdb") if path.stat().st_mode & 0o077]
    assert open_to_others == []


def test_hostile_values_travel_as_they_are(world: World, call: Call) -> None:
    hostile = ["O'Hara", "x' OR Name != 'y", "100%_\\", '"quoted"', "=HYPERLINK(1)", "$filter eq 'z'"]
    for number, value in enumerate(hostile):
        world.anna.create(surname=value, email=f"h{number}@example.com", companyName=value, categories=["Salesforce"])
    settings = settings_of(world)
    assert call("run", "--settings", settings).code in (0, 1)
    assert sorted(contact["LastName"] for contact in world.salesforce.contacts()) == sorted(hostile)
    for value in hostile:
        document = call("explain", value, "--settings", settings, "--json").document
        assert [contact["mailbox"] for contact in document["contacts"]] == [ANNA], json.dumps(document)
