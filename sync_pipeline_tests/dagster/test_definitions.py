"""The code location loads, and every asset is what the snapshot says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import dagster as dg
import pytest

from sync_pipeline.definitions import code_location, defs
from sync_pipeline.jobs import JOBS
from sync_pipeline.settings import SettingsError
from sync_pipeline.settings.location import VARIABLE

SNAPSHOT = Path(__file__).with_name("assets.json")
CHECKS = {
    "sync_plan": {"delete_guard", "plan_is_consistent", "required_fields"},
    "sync_history": {"no_duplicate_links", "nothing_drifted", "mailboxes_synchronised", "sla"},
}


def assets() -> dict[str, Any]:
    """Key, dependencies, group, owners, kinds, description and table of every asset, in flow order."""
    specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
    return {
        name: {
            "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            "group": spec.group_name,
            "owners": list(spec.owners),
            "kinds": sorted(spec.kinds),
            "description": spec.description,
            "table": spec.metadata.get("dagster/table_name"),
        }
        for name, spec in sorted(specs.items())
    }


def test_every_asset_is_as_in_the_snapshot() -> None:
    assert assets() == json.loads(SNAPSHOT.read_text(encoding="utf-8")), (
        "if the change is meant: python -m sync_pipeline_tests.dagster.test_definitions"
    )


def test_the_definitions_load() -> None:
    dg.Definitions.validate_loadable(defs)


def test_every_asset_says_what_it_is_and_who_answers_for_it() -> None:
    for spec in defs.resolve_all_asset_specs():
        assert spec.description
        assert spec.owners
        assert spec.kinds


def test_every_table_shows_its_columns_and_says_what_the_important_ones_mean() -> None:
    for spec in defs.resolve_all_asset_specs():
        if spec.key.to_user_string() in ("mailbox_sync", "daily_report"):
            continue
        schema = spec.metadata["dagster/column_schema"]
        assert {column.name for column in schema.columns} & {"mailbox", "id", "key", "contact_id"}
        assert any(column.description for column in schema.columns)


def test_the_checks_stand_beside_the_assets_that_they_judge() -> None:
    found: dict[str, set[str]] = {}
    for key in defs.resolve_asset_graph().asset_check_keys:
        found.setdefault(key.asset_key.to_user_string(), set()).add(key.name)
    assert found == CHECKS


def test_only_an_inconsistent_plan_stops_the_push() -> None:
    graph = defs.resolve_asset_graph()
    blocking = {key.name for key in graph.asset_check_keys if graph.get(key).blocking}
    assert blocking == {"plan_is_consistent"}


def test_each_job_of_the_launchpad_says_what_it_does_and_what_it_asks_for() -> None:
    synchronisations = ["contact_sync", "plan_only", "full_comparison", "undo", "initial_load"]
    assert [job.name for job in JOBS] == [*synchronisations, "marts"]
    for name in (job.name for job in JOBS):
        job = defs.resolve_job_def(name)
        assert job.description
        keys = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
        by_day = {
            spec.key.to_user_string()
            for spec in defs.resolve_all_asset_specs()
            if spec.group_name in ("marts", "report")
        }
        assert keys == (by_day if name == "marts" else assets().keys() - {"mailbox_sync"} - by_day)
        if name != "marts":
            assert job.config_mapping is not None
            fields = cast(Any, job.config_mapping.config_schema.config_type).fields
            assert fields
            assert all(field.description for field in fields.values())


def test_the_job_runs_in_one_process() -> None:
    assert defs.executor is dg.in_process_executor


def test_the_schedule_follows_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        "salesforce: {url: http://127.0.0.1:8101}\ngraph: {url: http://127.0.0.1:8102}\nschedule: '15 6 * * *'\n"
        "mailboxes: [{mailbox: anna@example.com, salesforce_user: anna@acme.example.com}]\n",
        encoding="utf-8",
    )
    monkeypatch.setenv(VARIABLE, str(settings))
    assert code_location().resolve_schedule_def("every_half_hour").cron_schedule == "15 6 * * *"


def test_wrong_settings_are_told_when_the_code_location_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("salesforce: {domain: acme.my}\nschedule: often\n", encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(settings))
    with pytest.raises(SettingsError, match=r"settings.yaml:2: schedule: found `often`"):
        code_location()


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(assets(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
