"""The catalogue of seeded defects fits today's code; running it is a command of its own (see CONTRIBUTING)."""

from __future__ import annotations

import pytest

from sync_pipeline_tests.defects.catalogue import ROOT, Defect, load_defects


@pytest.mark.parametrize("defect", load_defects(), ids=lambda defect: f"{defect.rule} {defect.name}")
def test_every_seeded_defect_can_still_be_put_into_the_code(defect: Defect) -> None:
    assert [edit for edit in defect.edits if not edit.applies(ROOT)] == []
    assert (ROOT / "sync_pipeline_tests" / defect.tests).is_file()


def test_no_two_defects_have_one_name() -> None:
    names = [defect.name for defect in load_defects()]
    assert len(names) == len(set(names))
