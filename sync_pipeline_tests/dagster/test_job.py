"""The job over real HTTP against the sandbox: one session for the whole run, good mailboxes shown, bad ones named."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from sync_pipeline.assets import ASSETS, CHECKS
from sync_pipeline.definitions import defs
from sync_pipeline.engine.session import LOCK_FILE
from sync_pipeline.jobs import SYNCHRONISATIONS
from sync_pipeline.model.errors import SettingsInvalid, SideUnavailable
from sync_pipeline.resources import SyncConfig, session_resource
from sync_pipeline.warehouse.lock import RunLock
from sync_pipeline_tests.harness import ANNA, BEN, World, item_of, person


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as opened:
        yield opened


def job(world: World, steps: list[str] | None = None, name: str = "contact_sync") -> dg.JobDefinition:
    """A job of this world's installation; `steps` hears the steps and whether the lock was held."""
    lock = RunLock(world.directory / "data" / LOCK_FILE)

    def progress(step: str, done: int, total: int | None) -> None:
        if steps is not None and total is None and done == 0:
            owner = lock.owner()
            steps.append(f"{step} {owner.run_id if owner else 'unlocked'}")

    definitions = dg.Definitions(
        assets=ASSETS,
        asset_checks=CHECKS,
        jobs=SYNCHRONISATIONS,
        resources={"session": session_resource(lambda: (world.settings(), world.secrets), progress)},
        executor=dg.in_process_executor,
    )
    return definitions.resolve_job_def(name)


def materialization(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dg.AssetMaterialization:
    """The one materialization of an asset in a run."""
    found = result.asset_materializations_for_node(key.to_user_string())
    [event] = [event for event in found if event.asset_key == key]
    return event


def test_one_session_serves_the_whole_run_and_holds_the_lock_in_every_step(
    world: World, instance: dg.DagsterInstance
) -> None:
    steps: list[str] = []
    result = job(world, steps).execute_in_process(instance=instance)
    assert result.success
    assert {step.partition(" ")[2] for step in steps} == {result.run_id}
    assert [step.partition(" ")[0] for step in steps if "_" in step or "finish" in step][:4] == [
        "extract_accounts",
        "extract_contacts",
        "extract_view_members",
        "extract_outlook",
    ]
    assert RunLock(world.directory / "data" / LOCK_FILE).owner() is None


def test_good_mailboxes_are_materialised_and_bad_ones_fail_a_check(world: World, instance: dg.DagsterInstance) -> None:
    world.use(ANNA, BEN)
    world.mailboxes[BEN] = {"view": "No such view"}
    person(world)
    result = job(world).execute_in_process(instance=instance)
    assert result.success
    assert set(instance.get_dynamic_partitions("mailbox")) == {ANNA}
    event = instance.get_latest_materialization_event(dg.AssetKey("mailbox_sync"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.partition == ANNA
    assert event.asset_materialization.metadata["outlook_create"].value == 1
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert not checks["mailboxes_synchronised"].passed
    assert checks["plan_is_consistent"].passed
    assert checks["nothing_drifted"].passed


def test_every_asset_reports_its_numbers_and_no_contact_data(world: World, instance: dg.DagsterInstance) -> None:
    record = person(world, LastName="Unmistakable", Email="unmistakable@example.com")
    result = job(world).execute_in_process(instance=instance)
    plan = materialization(result, dg.AssetKey("sync_plan")).metadata["operations"]
    assert isinstance(plan, dg.TableMetadataValue)
    [creation] = [row.data for row in plan.records if row.data["action"] == "create"]
    assert (creation["mailbox"], creation["side"], creation["state"]) == (ANNA, "outlook", "ready")
    assert (creation["contact"], creation["rule"]) == (record, "R2")
    assert "last_name" in str(creation["fields"])
    for asset in ASSETS:
        assert isinstance(materialization(result, asset.key).metadata["seconds"].value, float)
    history = materialization(result, dg.AssetKey("sync_history"))
    for number in ("adds", "updates", "deletes", "conflicts", "holds", "problems", "calls", "subrequests", "pushed"):
        assert isinstance(history.metadata[number].value, int), number
    for entry in instance.all_logs(result.run_id):
        assert "nmistakable" not in str(entry)


def test_the_lag_of_a_run_is_of_its_own_edits_and_of_a_run_that_brought_none_there_is_none(
    world: World, instance: dg.DagsterInstance
) -> None:
    record = person(world)
    told: list[bool] = []
    for title in ("", "Director", ""):
        if title:
            world.salesforce.update(record, Title=title)
        result = job(world).execute_in_process(instance=instance)
        metadata = materialization(result, dg.AssetKey("sync_history")).metadata
        assert ("lag_slowest_seconds" in metadata) is ("lag_median_seconds" in metadata)
        told.append("lag_median_seconds" in metadata)
    assert told == [False, True, False]


def test_chosen_mailboxes_and_plan_only_come_from_the_runs_configuration(
    world: World, instance: dg.DagsterInstance
) -> None:
    world.use(ANNA, BEN)
    person(world)
    person(world, 2, owner=BEN)
    result = job(world).execute_in_process(instance=instance, run_config={"mailboxes": [ANNA], "plan_only": True})
    assert result.success
    assert world.writes() == []
    assert instance.get_dynamic_partitions("mailbox") == []
    job(world).execute_in_process(instance=instance, run_config={"mailboxes": [ANNA]})
    assert {row["mailbox"] for row in world.writes(service="graph")} == {ANNA}


def test_a_side_that_fails_ends_the_run_and_the_warehouse_knows(world: World, instance: dg.DagsterInstance) -> None:
    person(world)
    world.fault("401", times=1000, service="graph", actor="application")
    with pytest.raises(SideUnavailable):
        job(world).execute_in_process(instance=instance)
    [run] = instance.get_runs()
    assert run.status is dg.DagsterRunStatus.FAILURE
    world.control.delete("faults")
    assert job(world).execute_in_process(instance=instance).success
    assert len(world.anna.contacts()) == 1


def options(name: str, **config: object) -> dict[str, object]:
    """What the session of a job of the launchpad is asked to do, where it differs from a plain run."""
    plain = SyncConfig().model_dump()
    validated = dg.validate_run_config(defs.resolve_job_def(name), config)["resources"]["session"]["config"]
    return {key: value for key, value in validated.items() if value != plain[key]}


def test_each_job_of_the_launchpad_asks_the_session_for_what_its_name_says() -> None:
    assert options("plan_only") == {"plan_only": True}
    assert options("plan_only", mailboxes=[ANNA], full=True) == {"plan_only": True, "mailboxes": [ANNA], "full": True}
    assert options("full_comparison") == {"full": True, "plan_only": True}
    assert options("full_comparison", mailboxes=[ANNA], push=True) == {"full": True, "mailboxes": [ANNA]}
    assert options("initial_load", mailboxes=[ANNA]) == {"full": True, "mailboxes": [ANNA]}
    assert options("undo", runs=["r"]) == {"undo_runs": ["r"], "plan_only": True}
    assert options("undo", runs=["r"], mailbox=ANNA, contacts=["003"], field="job_title", push=True) == {
        "undo_runs": ["r"],
        "undo_mailbox": ANNA,
        "undo_contacts": ["003"],
        "undo_field": "job_title",
    }
    for name, config in (("undo", {"runs": []}), ("initial_load", {"mailboxes": [" "]})):
        with pytest.raises(dg.DagsterError, match="is empty"):
            options(name, **config)


def test_an_undo_of_a_run_that_nobody_knows_is_refused(world: World) -> None:
    with pytest.raises(SettingsInvalid, match="No run nowhere is known"):
        world.run(undo_runs=("nowhere",))


@pytest.mark.slow
def test_the_launchpads_jobs_load_a_mailbox_and_take_back_a_run(world: World, instance: dg.DagsterInstance) -> None:
    world.use(ANNA, BEN)
    record = person(world, Title="Director")
    person(world, 2, owner=BEN)

    def launch(name: str, **config: object) -> str:
        world.advance(5)
        result = job(world, name=name).execute_in_process(instance=instance, run_config=config)
        assert result.success
        return result.run_id

    launch("full_comparison")
    assert world.writes() == []
    launch("initial_load", mailboxes=[ANNA])
    assert {row["mailbox"] for row in world.writes(service="graph")} == {ANNA}
    item = item_of(world.anna, record)["id"]
    world.anna.update(item, jobTitle="Wrong")
    wrong, mark = launch("contact_sync", mailboxes=[ANNA]), world.mark()
    launch("undo", runs=[wrong])
    assert world.writes(mark) == []
    launch("undo", runs=[wrong], field="job_title", contacts=[record], push=True)
    assert world.salesforce.record(record)["Title"] == "Director"
    assert world.anna.item(item)["jobTitle"] == "Director"
