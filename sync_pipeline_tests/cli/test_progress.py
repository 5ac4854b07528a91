"""Progress outside a terminal: a plain line now and then, never more often than every two seconds."""

from __future__ import annotations

import pytest

from sync_pipeline.commands.progress import shown_progress


def test_a_quick_step_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with shown_progress() as report:
        report("extract_outlook", 0, None)
        report("extract_outlook", 10, 20)
    assert capfd.readouterr().err == ""


def test_a_long_step_shows_how_far_it_is(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 3.0, 3.0, 4.0, 6.0, 6.0])
    monkeypatch.setattr("sync_pipeline.commands.progress.time.monotonic", lambda: next(clock, 6.0))
    with shown_progress() as report:
        report("extract_outlook", 0, None)
        report("extract_outlook", 1500, 2000)
        report("extract_outlook", 1600, 2000)
        report("finish", 0, None)
    assert capfd.readouterr().err.splitlines() == ["Extract outlook: 1,500 of 2,000", "Finish"]
