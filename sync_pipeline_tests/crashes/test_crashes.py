"""The sweep in CI: a few stories, killed where a seed says; `-m crash` kills every story at every point."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from sync_pipeline_tests.crashes.stories import STORIES, Canonical
from sync_pipeline_tests.crashes.sweep import crashed, kills, undisturbed
from sync_pipeline_tests.machine.driver import Bench

#: A copy and a creation on either side, a deletion, and what is restored from the Deleted Items.
EACH_TIME = ("a newcomer with a category", "deleted in Outlook, deleted in Salesforce", "the folder deleted")


@pytest.mark.parametrize("story", [story for story in STORIES if story.name in EACH_TIME], ids=lambda story: story.name)
def test_a_killed_run_ends_as_one_that_was_not(story: Canonical, tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        expected = undisturbed(bench, story)
        for points in random.Random(story.name).sample(list(kills(story, expected)), 2):
            assert crashed(bench, story, points, expected) == "", points


@pytest.mark.crash
@pytest.mark.timeout(0)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_every_kill_of_a_story_ends_as_the_undisturbed_run(story: Canonical, tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        expected = undisturbed(bench, story)
        failures = [(points, crashed(bench, story, points, expected)) for points in kills(story, expected)]
    assert [failure for failure in failures if failure[1]] == []
