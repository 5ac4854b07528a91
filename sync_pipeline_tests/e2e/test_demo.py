"""The demo holds under seeds nobody chose, and a story that does not hold makes it fail."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from sync_pipeline.demo import run_demo, tour
from sync_pipeline.demo.day import Day, Story, Telling, expect
from sync_pipeline.demo.edits import EDITS

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    with io.StringIO() as stream:
        yield stream


def _run(directory: Path, output: io.StringIO, *, mailboxes: int = 3, contacts: int = 60, seed: int = 1) -> int:
    console = Console(file=output, width=200)
    return run_demo(mailboxes, contacts, seed, console=console, data_dir=directory / "demo")


def test_every_story_of_the_demo_is_verified(tmp_path: Path, output: io.StringIO) -> None:
    code = _run(tmp_path, output, seed=4711)
    assert "✗" not in output.getvalue()
    assert code == 0, output.getvalue()
    assert f"{len(EDITS) + 12} of {len(EDITS) + 12} stories verified" in output.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(
    "numbers",
    [
        *({"seed": seed} for seed in (2, 3, 17, 99, 12345, 60606, 2**31)),
        {"mailboxes": 2, "contacts": 20, "seed": 5},
        {"mailboxes": 12, "contacts": 20, "seed": 6},
        {"mailboxes": 2, "contacts": 600, "seed": 7},
    ],
    ids=str,
)
def test_every_story_is_verified_under_any_seed_and_size(
    numbers: dict[str, int], tmp_path: Path, output: io.StringIO
) -> None:
    assert _run(tmp_path, output, **numbers) == 0, output.getvalue()


@pytest.mark.slow
def test_a_story_that_fails_makes_the_demo_fail_and_says_what_came_back(
    tmp_path: Path, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(day: Day) -> Telling:
        """Expects what nobody did."""
        yield "Somebody expects too much."
        expect("the colour of the sky", "blue", "green")
        return "never told"

    monkeypatch.setattr(tour, "EDITS", ())
    monkeypatch.setattr(tour, "ACCOUNTS", ())
    monkeypatch.setattr(tour, "OPENING", (Story("A wrong story", "R0", wrong),))
    assert _run(tmp_path, output, contacts=20, mailboxes=2) == 1
    told = output.getvalue()
    assert "✗ A wrong story (R0): the colour of the sky" in told
    assert "expected 'green'" in told
    assert "found    'blue'" in told


def test_too_small_a_demo_is_refused(tmp_path: Path, output: io.StringIO) -> None:
    with pytest.raises(ValueError, match="needs 2 mailboxes and 20 contacts, got 1 and 60"):
        _run(tmp_path, output, mailboxes=1)
