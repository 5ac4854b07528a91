"""What the services' errors mean for one operation, in words that tell a person what to do (R12, R25)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sync_pipeline.model.errors import MailboxStopped
from sync_pipeline.model.fields import Field
from sync_pipeline.model.operation import Action, Operation, Side
from sync_pipeline.transport import OutcomeUnknown, Refused
from sync_pipeline.warehouse.receipt import Outcome, Receipt

_REMEDIES = {
    "STRING_TOO_LONG": "Shorten the value.",
    "INVALID_EMAIL_ADDRESS": "Correct the e-mail address.",
    "REQUIRED_FIELD_MISSING": "Fill the field, or give a default under create.defaults in the settings.",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "Change the value so that the org's validation rule accepts it.",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "Use a value of the picklist.",
    "FIELD_INTEGRITY_EXCEPTION": "Use a value that the org accepts there, such as a state or country of its list.",
    "INVALID_CROSS_REFERENCE_KEY": "The Account or owner named is gone or not visible; correct the settings.",
    "DUPLICATES_DETECTED": "Link it to one of them with `sync-pipeline link`, or approve the operation to create it.",
    "DUPLICATE_VALUE": "A value that must be unique is taken by another record.",
    "INSUFFICIENT_ACCESS_OR_READONLY": "Give the Salesforce user the right to edit this Contact.",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "Give the Salesforce user access to the Account or owner named.",
    "UNDELETE_FAILED": "It is not in the recycle bin any more; the next run offers to make the Contact anew.",
    "ErrorAccessDenied": "Give the application Contacts.ReadWrite for this mailbox.",
}
#: The record is gone or another version of it stands there: the next plan sees that.
_STALE = frozenset(
    {"ENTITY_IS_DELETED", "INVALID_ID_FIELD", "NOT_FOUND", "ErrorItemNotFound", "ErrorIrresolvableConflict"}
)
_BUSY = frozenset({"UNABLE_TO_LOCK_ROW"})
MAILBOX_FULL: Final = "mailbox_full"
PERHAPS_CREATED: Final = "perhaps_created"


def unwritable(mailbox: str, message: str, *, is_full: bool, remedy: str = "") -> MailboxStopped:
    """What stops a mailbox that takes no writes now: a person has to make room, or it passes by itself."""
    if is_full:
        remedy = "The mailbox is full. Make room in it or give it a larger quota; the next run then goes on."
        return MailboxStopped(mailbox, message, remedy=remedy, code=MAILBOX_FULL)
    return MailboxStopped(mailbox, message, remedy=remedy or "The next run goes on.", code="mailbox_unwritable")


def is_full(error: Refused | OutcomeUnknown) -> bool:
    """Whether the mailbox has no room left; which status goes with the code is not documented."""
    return isinstance(error, Refused) and (error.status == 507 or error.error_code == "ErrorQuotaExceeded")


def unsent(run_id: str, operation: Operation, error: Refused) -> Receipt:
    """The refusal speaks of the service, the login or the mailbox, not of this record: planned again next time."""
    code = MAILBOX_FULL if is_full(error) else error.error_code
    return Receipt(run_id, operation, Outcome.UNSENT, code=code, message=error.message)


def refusal(
    run_id: str,
    operation: Operation,
    error: Refused,
    fields: Iterable[Field],
    *,
    named: Sequence[str] = (),
    duplicates: Sequence[str] = (),
) -> Receipt:
    """The receipt of a write that was refused. `named` are the service's field names in the error, `duplicates` Ids.

    What stops the whole of Salesforce is not for here: salesforce.session.side_unavailable.
    """
    if error.status in (0, 401, 429) or error.status >= 500 or error.error_code in _BUSY or is_full(error):
        return unsent(run_id, operation, error)
    # an undelete that is refused tells that the Contact is not in the recycle bin: no version of it is planned from
    is_stale = error.error_code in _STALE or error.status in (404, 409, 412)
    if is_stale and operation.action is not Action.UNDELETE:
        return Receipt(run_id, operation, Outcome.STALE, code=error.error_code, message=error.message)
    message = error.message + (f" Records: {', '.join(duplicates)}." if duplicates else "")
    return Receipt(
        run_id,
        operation,
        Outcome.REFUSED,
        code=error.error_code or f"http_{error.status}",
        message=message,
        remedy=_REMEDIES.get(error.error_code)
        or error.remedy
        or "Correct the contact; it is tried again after a pause.",
        refused_field=mapped_field(operation.side, named, fields),
        result={"duplicates": list(duplicates)} if duplicates else {},
    )


def perhaps_created(run_id: str, operation: Operation, candidates: Sequence[str]) -> Receipt:
    """A creation whose answer was lost, and Contacts of which a person has to say whether one is what it made."""
    message = (
        f"The answer to its creation was lost; {', '.join(candidates)} may be what it made, and was changed since."
    )
    return Receipt(
        run_id,
        operation,
        Outcome.REFUSED,
        code=PERHAPS_CREATED,
        message=message,
        remedy=_REMEDIES["DUPLICATES_DETECTED"],
        result={"duplicates": list(candidates)},
    )


def not_done(run_id: str, operation: Operation) -> Receipt:
    """An operation in doubt of which the service shows nothing: planned again."""
    return Receipt(run_id, operation, Outcome.UNSENT, code="not_done", message="It had no effect.")


def stale(run_id: str, operation: Operation, what: str) -> Receipt:
    """Nothing was sent: the service holds something else than was planned from."""
    return Receipt(run_id, operation, Outcome.STALE, code="changed_meanwhile", message=what)


def mapped_field(side: Side, named: Sequence[str], fields: Iterable[Field]) -> str:
    """The mapped field that the service names; "" where it names none or several."""
    table = {(field.salesforce if side is Side.SALESFORCE else field.outlook): field.name for field in fields}
    found = [table[name] for name in named if name in table]
    return found[0] if len(found) == 1 and len(named) == 1 else ""
