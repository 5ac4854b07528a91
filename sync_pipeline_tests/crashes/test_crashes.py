"""The sweep in CI: a few stories, killed where a seed says; `-m crash` kills every story at every point."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from sync_pipeline_tests.crashes.stories import STORIES, Canonical
from sync_pipeline_tests.crashes.sweep import crashed, kills, undisturbed
from sync_pipeline_tests.machine.driver import Bench
from sync_pipeline_tests.machine.hazards import Seam
from sync_pipeline_tests.machine.story import Step

#: A copy and a creation on either side, a deletion, and what is restored from the Deleted Items.
EACH_TIME = ("a newcomer with a category", "deleted in Outlook, deleted in Salesforce", "the folder deleted")


@pytest.mark.parametrize("story", [story for story in STORIES if story.name in EACH_TIME], ids=lambda story: story.name)
def test_a_killed_run_ends_as_one_that_was_not(story: Canonical, tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        expected = undisturbed(bench, story)
        for points in random.Random(story.name).sample(list(kills(story, expected)), 2):
            assert crashed(bench, story, points, expected) == "", points


_EDIT: Step = ("sf_edit", {"k": 0, "field": 0})
#: How many people there are (see CHOICES), what they did, what the run had saved or was about to save for the nth time
#: when it died, and what they did after that; a seeded defect stands against each.
DIED: dict[str, tuple[int, tuple[Step, ...], tuple[str, int], tuple[Step, ...]]] = {
    "10, what it wrote has no receipt": (
        4, (_EDIT,), ("before_commit close", 2), (_EDIT,),
    ),
    "12, Contacts and their watermark": (
        2, (_EDIT, ("clock", {"hours": 0}), ("sf_edit", {"k": 1, "field": 0})), ("after_commit save_contacts", 1), (),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIED)
def test_a_run_that_died_between_two_savings_loses_nothing(name: str, tmp_path: Path) -> None:
    people, before, (position, nth), after = DIED[name]
    with Bench(tmp_path) as bench, bench.story({"people": people, "fields": 1}, Counter()) as story:
        story.begin()
        for step, arguments in before:
            story.perform(step, arguments)
        seam = Seam(at={position: nth})
        story.run_through(seam)
        assert seam.is_dead
        for step, arguments in after:
            story.perform(step, arguments)
        story.end()
        assert not story.conflicts, "nobody edited a field on both sides"


@pytest.mark.crash
@pytest.mark.timeout(0)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_every_kill_of_a_story_ends_as_the_undisturbed_run(story: Canonical, tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        expected = undisturbed(bench, story)
        failures = [(points, crashed(bench, story, points, expected)) for points in kills(story, expected)]
    assert [failure for failure in failures if failure[1]] == []
