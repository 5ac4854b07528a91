"""Every switch of the org: what nobody here could check against a live org, or what orgs differ in, with its default.

`why` says what is uncertain and what the other value does. Values are set with POST /_sandbox/switches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

NAME_FIELDS_SWITCH: Final = "salesforce_name_fields"
PERSON_ACCOUNTS_SWITCH: Final = "salesforce_person_accounts"
STATE_COUNTRY_SWITCH: Final = "salesforce_state_country_picklists"
FIELD_SWITCHES: Final = (NAME_FIELDS_SWITCH, PERSON_ACCOUNTS_SWITCH, STATE_COUNTRY_SWITCH)


@dataclass(frozen=True)
class Switch:
    """`uncertain`: the facts mark it as not verified against a live org; otherwise orgs or moments differ in it."""

    name: str
    default: Any
    why: str
    uncertain: bool = False


def _unsure(name: str, default: Any, why: str) -> Switch:
    return Switch(name, default, why, uncertain=True)


SWITCH_LIST: Final = (
    # -- orgs differ
    Switch(NAME_FIELDS_SWITCH, True, "MiddleName and Suffix exist only where an administrator turned them on."),
    Switch(PERSON_ACCOUNTS_SWITCH, True, "IsPersonAccount exists only in orgs with Person Accounts."),
    Switch(
        "salesforce_sharing",
        "public",
        "public: everyone reads and writes all; private: who is no administrator sees and writes what he owns.",
    ),
    Switch(
        "salesforce_page_size", 2000, "A query page holds at most so many records; a smaller one is allowed at any time."
    ),
    Switch("salesforce_delete_log_days", 15, "How far back getDeleted reaches; under volume the log is purged sooner."),
    Switch(
        "salesforce_commit_lag_seconds",
        0,
        "Rows are stamped before they are committed: so many seconds in the past, and latestDateCovered stays behind"
        " them. A watermark without overlap misses such rows.",
    ),
    Switch(
        "salesforce_stamp_granularity_seconds",
        1,
        "Several records can share a SystemModstamp; 60 gives one stamp to all that is written within a minute.",
    ),
    Switch(
        "salesforce_bulk_slice_rows",
        5000,
        "An ingest job works off so many rows when it is closed, and again at each look at it: large jobs stay"
        " InProgress for a while, and one that is aborted leaves unprocessed rows.",
    ),
    Switch("salesforce_bulk_polls", 1, "How many looks at a job that is done still say InProgress; jobs take time."),
    Switch(
        "salesforce_bulk_results_shuffled",
        False,
        "The order of a job's results is not guaranteed; true shuffles them (and the rows of a bulk query without"
        " ORDER BY).",
    ),
    Switch(
        "salesforce_bulk_page_rows",
        0,
        "Rows of one page of bulk query results when maxRecords is not given; 0: one page for all, because jsforce"
        " 3.10.16 fails on the second page.",
    ),
    # -- marked [U] in the facts
    _unsure(
        "salesforce_parse_errors_fail_collection",
        True,
        "Whether an unreadable value (a bad date) refuses a whole Collections call or only its row.",
    ),
    _unsure(
        STATE_COUNTRY_SWITCH,
        False,
        "With State and Country picklists, addresses get …Code fields and free text is said to be refused with"
        " FIELD_INTEGRITY_EXCEPTION.",
    ),
    _unsure(
        "salesforce_email_rule",
        "syntax",
        "How strictly e-mail fields are checked is not documented; at_sign refuses only what has no @ inside.",
    ),
    _unsure(
        "salesforce_read_only_field_code",
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "The errorCode for writing a read-only field is from memory.",
    ),
    _unsure(
        "salesforce_bad_reference_code",
        "MALFORMED_ID",
        "The errorCode for a reference that is no id of its object is from memory; INVALID_CROSS_REFERENCE_KEY is the"
        " other candidate.",
    ),
    _unsure(
        "salesforce_listviews_paging_keys",
        True,
        "Whether the list of list views has nextRecordsUrl, size and sobjectType beside done and listviews.",
    ),
    _unsure(
        "salesforce_account_rename_stamps_contacts",
        False,
        "Whether a renamed Account changes the SystemModstamp of its Contacts.",
    ),
    _unsure(
        "salesforce_upsert_update_body_from_version",
        46,
        "Before this API version an upsert that updates answers 204 without a body, from it on 200 with one.",
    ),
    _unsure(
        "salesforce_shared_email_upsert",
        "refuse",
        "What an upsert by Email does when several Contacts have it was never seen; first updates the oldest of them.",
    ),
    _unsure(
        "salesforce_upsert_needs_view_all",
        False,
        "Upsert by a field that is not unique is said to need View All Data; true refuses it to other users.",
    ),
    _unsure(
        "salesforce_composite_most_queries", 5, "How many of a composite call's 25 parts may be queries or collections."
    ),
    _unsure(
        "salesforce_bulk_duplicate_header",
        False,
        "Whether a Bulk API job honours allowSave of the Sforce-Duplicate-Rule-Header sent when it was created.",
    ),
    _unsure(
        "salesforce_bulk_upsert_by_email", True, "Whether a Bulk API upsert takes Email as its externalIdFieldName."
    ),
    _unsure(
        "salesforce_bulk_zulu_stamps",
        True,
        "Bulk query results show times with Z; false shows them with +0000 as the REST API does.",
    ),
    _unsure(
        "salesforce_no_access_status",
        400,
        "The HTTP status of INSUFFICIENT_ACCESS_OR_READONLY for a single record; 403 is the other candidate.",
    ),
    _unsure("salesforce_row_error_status", 400, "The HTTP status of a refused single record's errors is mostly a guess."),
    _unsure(
        "salesforce_query_error_position",
        True,
        "Whether a refused query's message quotes the line with a caret and Row and Column.",
    ),
    _unsure("salesforce_lost_cursor_code", "INVALID_QUERY_LOCATOR", "The errorCode of a cursor that is gone."),
    _unsure(
        "salesforce_too_many_records_code", "EXCEEDED_ID_LIMIT", "The errorCode of a Collections call with over 200 rows."
    ),
    _unsure(
        "salesforce_reporting_loop_refused",
        True,
        "Whether a loop of ReportsToId is refused with CIRCULAR_DEPENDENCY or accepted.",
    ),
    _unsure(
        "salesforce_not_equal_includes_null", True, "Whether x != 'a' finds records in which x is empty."
    ),
    _unsure(
        "salesforce_empty_text_is_null", True, "Whether '' in a condition means an empty field; false: it equals nothing."
    ),
    _unsure(
        "salesforce_stamp_milliseconds", False, "Whether stored times keep milliseconds; they seem to be whole seconds."
    ),
    _unsure(
        "salesforce_fields_all_limit", 200, "FIELDS(ALL) and FIELDS(CUSTOM) need a LIMIT of at most this; 0: none needed."
    ),
    _unsure(
        "salesforce_missing_parent_is_null",
        True,
        "Whether a record without the parent asked for shows it as null or leaves the key out.",
    ),
)  # fmt: skip
SWITCHES: Final[Mapping[str, Any]] = {switch.name: switch.default for switch in SWITCH_LIST}
# Marked [U] too, but nothing that a switch could turn: the names of the standard list views (make, change and delete
# views with POST /_sandbox/salesforce/listviews), the texts of messages (no client may read them), the effect of
# Sforce-Auto-Assign on Accounts (no territories here), Change Data Capture (not offered), and errors that only a fault
# brings about: INSUFFICIENT_ACCESS, API_DISABLED_FOR_ORG, QUERY_TIMEOUT.
