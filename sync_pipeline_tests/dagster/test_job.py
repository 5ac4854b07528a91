"""The job over real HTTP against the sandbox: one session for the whole run, good mailboxes shown, bad ones named."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from sync_pipeline.assets import ASSETS, CHECKS
from sync_pipeline.engine.session import LOCK_FILE
from sync_pipeline.jobs import contact_sync
from sync_pipeline.model.errors import SideUnavailable
from sync_pipeline.resources import session_resource
from sync_pipeline.warehouse.lock import RunLock
from sync_pipeline_tests.harness import ANNA, BEN, World, person


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as opened:
        yield opened


def job(world: World, steps: list[str] | None = None) -> dg.JobDefinition:
    """The job of this world's installation; `steps` hears the steps and whether the lock was held."""
    lock = RunLock(world.directory / "data" / LOCK_FILE)

    def progress(step: str, done: int, total: int | None) -> None:
        if steps is not None and total is None and done == 0:
            owner = lock.owner()
            steps.append(f"{step} {owner.run_id if owner else 'unlocked'}")

    definitions = dg.Definitions(
        assets=ASSETS,
        asset_checks=CHECKS,
        jobs=[contact_sync],
        resources={"session": session_resource(lambda: (world.settings(), world.secrets), progress)},
        executor=dg.in_process_executor,
    )
    return definitions.resolve_job_def("contact_sync")


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
    person(world, LastName="Unmistakable", Email="unmistakable@example.com")
    result = job(world).execute_in_process(instance=instance)
    for asset in ASSETS:
        assert isinstance(materialization(result, asset.key).metadata["seconds"].value, float)
    history = materialization(result, dg.AssetKey("sync_history"))
    for number in ("adds", "updates", "deletes", "conflicts", "holds", "problems", "calls", "subrequests", "pushed"):
        assert isinstance(history.metadata[number].value, int), number
    for entry in instance.all_logs(result.run_id):
        assert "nmistakable" not in str(entry)


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
