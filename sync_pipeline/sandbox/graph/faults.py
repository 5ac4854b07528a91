"""The Graph stand-in's faults: what each name means, which calls it can hit, and how the plain ones are answered.

Behaviours have no answer of their own; the code that handles the call asks for them (sandbox.faults.injected)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from starlette.responses import Response

from sync_pipeline.sandbox.faults import Attempt, Fault, FaultKind
from sync_pipeline.sandbox.graph import errors
from sync_pipeline.sandbox.graph.calls import Call, error_response
from sync_pipeline.sandbox.runtime import Service
from sync_pipeline.sandbox.state import Actor, State, iso

REPEATED: Final = "repeated_delta_items"
REORDERED: Final = "reordered_delta_items"
EMPTY_PAGE: Final = "empty_page_with_nextlink"
EXPIRED_NEXT_LINK: Final = "expired_nextlink"
UNKNOWN_REMOVED: Final = "removed_of_an_unknown_id"
MISSING: Final = "created_item_missing_from_delta"
CHANGE_KEY: Final = "changekey_changed_without_a_change"
REMOVAL_FIRST: Final = "move_seen_as_removal_then_upsert"
UPSERT_FIRST: Final = "move_seen_as_upsert_then_removal"
NEVER_READDED: Final = "moved_away_and_back_and_never_re_added"
DELETE_404: Final = "delete_answers_404_although_it_succeeded"
COPY_VANISHES: Final = "copy_with_photo_vanishes"
TRIMMED: Final = "server_trims_values"
EMAILS_REORDERED: Final = "server_reorders_emails"
NAME_REWRITTEN: Final = "server_rewrites_display_name"
CONCURRENCY: Final = "more_than_4_concurrent_refused"
PART_THROTTLED: Final = "batch_part_429"
PART_UNAVAILABLE: Final = "batch_part_503"

_DELTA_ENDS: Final = ("delta", "delta()")


def _is_delta(attempt: Attempt) -> bool:
    return attempt.method == "GET" and attempt.path.rstrip("/").lower().endswith(_DELTA_ENDS)


def _is_contacts_delta(attempt: Attempt) -> bool:
    return _is_delta(attempt) and "/contacts/" in attempt.path.lower()


def _writes_contact(attempt: Attempt) -> bool:
    parts = attempt.path.lower().strip("/").split("/")
    return (attempt.method == "POST" and parts[-1] == "contacts") or (
        attempt.method == "PATCH" and len(parts) > 1 and parts[-2].startswith("contacts")
    )


def _behaviour(meaning: str, applies: Callable[[Attempt], bool] = _is_contacts_delta) -> FaultKind:
    return FaultKind(meaning, applies, behaviour=True)


FAULT_KINDS: Final[Mapping[str, FaultKind]] = {
    "401": FaultKind("The token is not accepted (any more)."),
    "403": FaultKind("Access to the mailbox is denied."),
    "404": FaultKind("The item is not found."),
    "409": FaultKind("The item was changed by another request at the same time."),
    "410_resync": FaultKind("The sync state is not found: a full round is needed."),
    "412": FaultKind("The change key is not the current one."),
    "429": FaultKind("Throttled, with Retry-After of retry_after seconds."),
    "429_without_retry_after": FaultKind("Throttled, without Retry-After."),
    "500": FaultKind("Internal error."),
    "502": FaultKind("Bad gateway, as JSON."),
    "503": FaultKind("The server is busy."),
    "503_with_retry_after": FaultKind("The server is busy, with Retry-After of retry_after seconds."),
    "504": FaultKind("The server did not answer in time."),
    "507": FaultKind("The mailbox is full."),
    PART_THROTTLED: FaultKind(
        "One part of a $batch is throttled, with its own Retry-After.", lambda attempt: attempt.in_batch
    ),
    PART_UNAVAILABLE: FaultKind(
        "One part of a $batch gets 503, with its own Retry-After.", lambda attempt: attempt.in_batch
    ),
    CONCURRENCY: FaultKind(
        "A call to a mailbox that has four others under way is refused with 429.",
        lambda attempt: attempt.concurrent >= Service.concurrency_limit,
    ),
    DELETE_404: FaultKind(
        "DELETE is done and answered with 404.", lambda attempt: attempt.method == "DELETE", effect_done=True
    ),
    EXPIRED_NEXT_LINK: _behaviour("The nextLink that is followed has expired: 410, and it stays expired.", _is_delta),
    EMPTY_PAGE: _behaviour("A page without items, with a nextLink that goes on where this page would have begun."),
    REPEATED: _behaviour("Every item of the page stands in it twice."),
    REORDERED: _behaviour("The page's items come in the opposite order."),
    UNKNOWN_REMOVED: _behaviour("The page tells the removal of an item that nobody ever saw."),
    MISSING: _behaviour("An item created since is left out and comes with the next round; times: for so many rounds."),
    CHANGE_KEY: _behaviour("Every contact of the folder has a new change key, and comes again, without a change."),
    REMOVAL_FIRST: _behaviour("What was moved here is left out until the next round: elsewhere it is gone already."),
    UPSERT_FIRST: _behaviour("The removal of what was moved away is left out until the next round."),
    NEVER_READDED: _behaviour("What was moved away and back is told as removed, and not as added until it changes."),
    TRIMMED: _behaviour("The server stores the contact's texts without blanks around them.", _writes_contact),
    EMAILS_REORDERED: _behaviour("The server stores the e-mail addresses in the opposite order.", _writes_contact),
    NAME_REWRITTEN: _behaviour("The server stores a display name of its own making.", _writes_contact),
    COPY_VANISHES: _behaviour(
        "When a contact with a photo is deleted, its copies (same name, with a photo, made later) vanish with it.",
        lambda attempt: attempt.method == "DELETE",
    ),
}


def fault_responses(state: State) -> dict[str, Callable[[Fault], Response]]:
    """Fault name -> its answer, for all that are no behaviours."""

    def plain(status: int, code: str, message: str, *, retries: bool = False) -> Callable[[Fault], errors.GraphError]:
        def make(fault: Fault) -> errors.GraphError:
            headers = {"Retry-After": str(fault.retry_after)} if retries else {}
            return errors.ServerFault(status, code, message, headers=headers)

        return make

    def throttled(fault: Fault) -> errors.GraphError:
        is_bare = fault.name == "429_without_retry_after"
        return errors.Throttled(None if is_bare else fault.retry_after, str(state.switches["throttled_code"]))

    busy = (503, "ErrorServerBusy", "The server cannot service this request right now. Try again later.")
    makers: dict[str, Callable[[Fault], errors.GraphError]] = {
        "401": lambda fault: errors.InvalidToken("Access token is missing, unknown or has expired."),
        "403": lambda fault: errors.AccessDenied(),
        "404": lambda fault: errors.ItemNotFound(),
        "409": plain(409, "ErrorIrresolvableConflict", "The item was changed at the same time by another request."),
        "410_resync": lambda fault: errors.SyncStateNotFound(str(state.switches["delta_expired_code"])),
        "412": lambda fault: errors.IrresolvableConflict(),
        "429": throttled,
        "429_without_retry_after": throttled,
        "500": plain(500, "ErrorInternalServerError", "An internal server error occurred. The operation failed."),
        "502": plain(502, "BadGateway", "Bad gateway."),
        "503": plain(*busy),
        "503_with_retry_after": plain(*busy, retries=True),
        "504": plain(504, "UnknownError", "The server did not answer in time."),
        "507": plain(507, "ErrorQuotaExceeded", "The mailbox has exceeded its quota."),
        PART_THROTTLED: throttled,
        PART_UNAVAILABLE: plain(*busy, retries=True),
        CONCURRENCY: throttled,
        DELETE_404: lambda fault: errors.ItemNotFound(),
    }
    return {name: _responder(make, state) for name, make in makers.items()}


def _responder(make: Callable[[Fault], errors.GraphError], state: State) -> Callable[[Fault], Response]:
    nobody = Call("GET", "", "", {}, b"", Actor("nobody"), "")  # an injected answer has ids as any other has
    return lambda fault: error_response(make(fault), iso(state.now()), nobody.common_headers())
