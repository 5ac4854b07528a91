"""What was touched, planned alone, gives the plan of everything (P2); and it is little that is looked at."""

from __future__ import annotations

import random
from dataclasses import replace

from sync_pipeline.warehouse.tables import fetch
from sync_pipeline_tests.planner.combinations import single
from sync_pipeline_tests.planner.incremental import World, agreed, compare, snapshot
from sync_pipeline_tests.planner.tables import all_stages, filled, warehouse
from sync_pipeline_tests.planner.test_planner import SEED


def test_a_plan_of_what_was_touched_is_the_plan_of_everything() -> None:
    report = compare(40, SEED, rounds=4)
    assert report.differences == []
    assert report.operations > 50
    assert report.looked_at < report.links * 0.8


def test_an_edit_in_a_mailbox_that_sat_out_a_run_is_not_lost() -> None:
    with warehouse() as connection:
        world = World(
            connection, filled(connection, agreed([single(number) for number in range(0, 200, 20)])), random.Random(1)
        )
        all_stages(connection, world.context)
        world.write_down()
        query = "select link.mailbox, link.outlook_id from sync.links as link join outlook.contacts as item on " + (
            "item.id = link.outlook_id where link.state = 'linked' and item.place = 'folder' order by all limit 1"
        )
        [link] = fetch(connection, query)
        world.save_item(link["mailbox"], link["outlook_id"], job_title="Chair")
        others = tuple(mailbox for mailbox in world.context.mailboxes if mailbox.mailbox != link["mailbox"])
        all_stages(connection, replace(world.context, mailboxes=others))
        world.write_down()
        planned = snapshot(connection, world.context)["planned"]
        assert any("Chair" in row for row in planned), planned
        world.write_down()
        assert snapshot(connection, world.context)["planned"] == planned  # a mark stays until the link agrees
