"""The canonical stories: what people did before the run that is killed. Steps are those of the machine."""

from __future__ import annotations

from dataclasses import dataclass

from sync_pipeline_tests.machine.story import Step

#: By setting the index in `machine.story.CHOICES`.
_TWO = {"mailboxes": 1, "view": 2}  # two mailboxes that both see every Contact
_LIST = {"view": 3}
_DELETE = {"outlook_deletion": 2}
_OUT_RESTORE, _OUT_DELETE = {"moved_out": 2}, {"moved_out": 3}


@dataclass(frozen=True)
class Canonical:
    """One story. Beside its steps each begins with two linked people and one newcomer in the folder."""

    name: str
    steps: tuple[Step, ...]
    choices: dict[str, int]


def _told(name: str, /, *steps: Step, **choices: int) -> Canonical:
    return Canonical(name, steps, {"people": 2, "mailboxes": 0, "fields": 13, **choices})


def _step(step: str, /, **arguments: int) -> Step:
    return step, arguments


_EDIT, _CLEAR = _step("ol_edit", k=0, field=2), _step("ol_clear", k=0, field=2)
_THERE, _GONE = _step("sf_edit", k=0, field=0), _step("sf_delete", k=0)
_OTHER = _step("sf_edit", k=1, field=6)
_RUN: Step = ("run", {"m": 0, "full": False})

STORIES: tuple[Canonical, ...] = (
    _told("a newcomer in the folder"),
    _told("a newcomer with a category", _step("ol_create_categorised", m=0, fields=21)),
    _told("two newcomers with a category", *(_step("ol_create_categorised", m=0, fields=n) for n in (9, 22))),
    _told("a new Contact", _step("sf_create", owner=0, fields=31)),
    _told("five new Contacts", *(_step("sf_create", owner=0, fields=n) for n in range(5))),
    _told("an edit in Outlook", _EDIT),
    _told("an edit in Salesforce", _THERE),
    _told("edits on both sides", _EDIT, _THERE, _OTHER),
    _told("a conflict that Salesforce wins", _step("ol_edit", k=0, field=0), _THERE),
    _told("a conflict that Outlook wins", _step("ol_edit", k=0, field=0), _THERE, conflicts=1),
    _told("a conflict that the later edit wins", _THERE, _step("clock", hours=1), _EDIT, conflicts=2),
    _told("a value cleared in Outlook", _CLEAR),
    _told("a value cleared in Salesforce", _step("sf_clear", k=0, field=2)),
    _told("an edit of what is not mapped", _step("ol_unmapped", k=0), _EDIT),
    _told("a second entry behind the mapped one", _step("ol_second_entry", k=0, field=0), _THERE),
    _told("a new Company", _step("sf_account", k=0, name=0), _step("ol_create", m=0, fields=18)),
    _told("a Contact given to an Account", _step("sf_account", k=2, name=0), _step("sf_assign", k=0, a=0)),
    _told("deleted in Outlook, restored", _step("ol_delete", k=0)),
    _told("deleted in Outlook for good, created again", _step("ol_purge", k=0)),
    _told("deleted in Outlook, deleted in Salesforce", _step("ol_delete", k=0), **_DELETE),
    _told("deleted in Outlook against an edit", _step("ol_delete", k=0), _THERE, **_DELETE),
    _told("deleted in Salesforce", _GONE),
    _told("deleted in Salesforce against an edit", _EDIT, _GONE),
    _told("undeleted in Salesforce", _GONE, _RUN, _step("sf_undelete", k=0)),
    _told("merged in Salesforce", ("sf_merge", {"k": 0, "j": 1, "fill": True})),
    _told("merged in Salesforce against an edit", _EDIT, ("sf_merge", {"k": 1, "j": 0, "fill": False})),
    _told("moved out, personal again", _step("ol_move_out", k=0)),
    _told("moved out, moved back", _step("ol_move_out", k=0), **_OUT_RESTORE),
    _told("moved out, deleted in Salesforce", _step("ol_move_out", k=0), **_OUT_DELETE),
    _told("moved out and in again", _step("ol_move_out", k=0), _RUN, _step("ol_move_in", k=0)),
    _told("away and back", _step("ol_away_and_back", k=0), _EDIT),
    _told("the category taken off", _step("ol_uncategorise", k=0), _EDIT),
    _told("left the list view", _step("sf_source", k=0), _EDIT, **_LIST),
    _told("given to another owner", _step("sf_owner", k=0, owner=5), _EDIT),
    _told("the folder deleted", _step("ol_delete_folder", m=0), _THERE),
    _told("the folder renamed", _step("ol_rename_folder", m=0), _THERE),
    _told("delta links expired", _step("expire", what=1), _EDIT, _THERE),
    _told("somebody known in Salesforce comes in", _step("sf_create", owner=5, fields=3),
          ("ol_twin", {"m": 0, "k": 0, "fields": 6, "marked": True})),
    _told("two mailboxes, an edit in each", _EDIT, _step("ol_edit", k=3, field=6), **_TWO),
    _told("two mailboxes, deleted in one", _step("ol_delete", k=0), **_TWO),
    _told("two mailboxes, one new Contact", _step("sf_create", owner=0, fields=14), **_TWO),
    _told("the warehouse lost", _EDIT, ("warehouse_lost", {})),
    _told("the warehouse restored from an old copy", ("backup", {}), _THERE, _RUN, _EDIT, _RUN, ("old_copy", {})),
)  # fmt: skip
