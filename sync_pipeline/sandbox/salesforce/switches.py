"""Every switch of the org: what nobody here could check against a live org, or what orgs differ in, with its default.

`why` says what is uncertain and what the other value does. Values are set with POST /_sandbox/switches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sync_pipeline.sandbox.state import Switch

NAME_FIELDS_SWITCH: Final = "salesforce_name_fields"
PERSON_ACCOUNTS_SWITCH: Final = "salesforce_person_accounts"
STATE_COUNTRY_SWITCH: Final = "salesforce_state_country_picklists"
FIELD_SWITCHES: Final = (NAME_FIELDS_SWITCH, PERSON_ACCOUNTS_SWITCH, STATE_COUNTRY_SWITCH)

SWITCHES: Final[Mapping[str, Switch]] = {
    # -- orgs differ
    NAME_FIELDS_SWITCH: Switch(True, "MiddleName and Suffix exist only where an administrator turned them on."),
    PERSON_ACCOUNTS_SWITCH: Switch(True, "IsPersonAccount exists only in orgs with Person Accounts."),
    "salesforce_sharing": Switch(
        "public",
        "public: everyone reads and writes all; private: who is no administrator sees and writes what he owns.",
        ("public", "private"),
    ),
    "salesforce_page_size": Switch(
        2000, "A query page holds at most so many records; fewer are allowed at any time.", bounds=(1, 2000)
    ),
    "salesforce_delete_log_days": Switch(
        15, "How far back getDeleted reaches; under volume the log is purged sooner.", bounds=(0.0, 365.0)
    ),
    "salesforce_commit_lag_seconds": Switch(
        0,
        "Rows are stamped before they are committed: so many seconds in the past, and latestDateCovered stays behind"
        " them. A watermark without overlap misses such rows.",
        bounds=(0.0, 86_400.0),
    ),
    "salesforce_stamp_granularity_seconds": Switch(
        1,
        "Several records can share a SystemModstamp; 60 gives one stamp to all that is written within a minute.",
        bounds=(1.0, 86_400.0),
    ),
    "salesforce_bulk_slice_rows": Switch(
        5000,
        "An ingest job works off so many rows when it is closed, and again at each look at it: large jobs stay"
        " InProgress for a while, and one that is aborted leaves unprocessed rows.",
        bounds=(1, 1_000_000),
    ),
    "salesforce_bulk_polls": Switch(
        1, "How many looks at a job that is done still say InProgress; jobs take time.", bounds=(0, 1000)
    ),
    "salesforce_bulk_results_shuffled": Switch(
        False,
        "The order of a job's results is not guaranteed; true shuffles them (and the rows of a bulk query without"
        " ORDER BY).",
    ),
    "salesforce_bulk_page_rows": Switch(
        0,
        "Rows of one page of bulk query results when maxRecords is not given; 0: one page for all, because jsforce"
        " 3.10.16 fails on the second page.",
        bounds=(0, 1_000_000),
    ),
    # -- marked [U] in the facts
    "salesforce_parse_errors_fail_collection": Switch(
        True,
        "Whether an unreadable value (a bad date) refuses a whole Collections call or only its row.",
    ),
    STATE_COUNTRY_SWITCH: Switch(
        False,
        "With State and Country picklists, addresses get …Code fields and free text is said to be refused with"
        " FIELD_INTEGRITY_EXCEPTION.",
    ),
    "salesforce_email_rule": Switch(
        "syntax",
        "How strictly e-mail fields are checked is not documented; at_sign refuses only what has no @ inside.",
        ("syntax", "at_sign"),
    ),
    "salesforce_read_only_field_code": Switch(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "The errorCode for writing a read-only field is from memory.",
    ),
    "salesforce_bad_reference_code": Switch(
        "MALFORMED_ID",
        "The errorCode for a reference that is no id of its object is from memory; INVALID_CROSS_REFERENCE_KEY is the"
        " other candidate.",
    ),
    "salesforce_listviews_paging_keys": Switch(
        True,
        "Whether the list of list views has nextRecordsUrl, size and sobjectType beside done and listviews.",
    ),
    "salesforce_account_rename_stamps_contacts": Switch(
        False,
        "Whether a renamed Account changes the SystemModstamp of its Contacts.",
    ),
    "salesforce_upsert_update_body_from_version": Switch(
        46,
        "Before this API version an upsert that updates answers 204 without a body, from it on 200 with one.",
        bounds=(0.0, 1000.0),
    ),
    "salesforce_shared_email_upsert": Switch(
        "refuse",
        "What an upsert by Email does when several Contacts have it was never seen; first updates the oldest of them.",
        ("refuse", "first"),
    ),
    "salesforce_conditions_by_external_id": Switch(
        False,
        "Conditional headers (If-Unmodified-Since, If-Match …) are documented for rows by their id only; true checks"
        " them for rows by an external id too, false ignores them there.",
    ),
    "salesforce_upsert_needs_view_all": Switch(
        False,
        "Upsert by a field that is not unique is said to need View All Data; true refuses it to other users.",
    ),
    "salesforce_composite_most_queries": Switch(
        5, "How many of a composite call's 25 parts may be queries or collections.", bounds=(0, 25)
    ),
    "salesforce_bulk_duplicate_header": Switch(
        False,
        "Whether a Bulk API job honours allowSave of the Sforce-Duplicate-Rule-Header sent when it was created.",
    ),
    "salesforce_bulk_upsert_by_email": Switch(
        True, "Whether a Bulk API upsert takes Email as its externalIdFieldName."
    ),
    "salesforce_bulk_zulu_stamps": Switch(
        True,
        "Bulk query results show times with Z; false shows them with +0000 as the REST API does.",
    ),
    "salesforce_no_access_status": Switch(
        400,
        "The HTTP status of INSUFFICIENT_ACCESS_OR_READONLY for a single record; 403 is the other candidate.",
        (400, 403),
    ),
    "salesforce_row_error_status": Switch(
        400, "The HTTP status of a refused record's errors is mostly a guess.", (400, 403, 409, 500)
    ),
    "salesforce_query_error_position": Switch(
        True,
        "Whether a refused query's message quotes the line with a caret and Row and Column.",
    ),
    "salesforce_lost_cursor_code": Switch("INVALID_QUERY_LOCATOR", "The errorCode of a cursor that is gone."),
    "salesforce_too_many_records_code": Switch(
        "EXCEEDED_ID_LIMIT", "The errorCode of a Collections call of over 200 rows."
    ),
    "salesforce_too_many_chunks_code": Switch(
        "LIMIT_EXCEEDED",
        "A Collections call may hold at most 10 runs of records of one type; with which errorCode more are refused is"
        " not documented.",
    ),
    "salesforce_reporting_loop_refused": Switch(
        True,
        "Whether a loop of ReportsToId is refused with CIRCULAR_DEPENDENCY or accepted.",
    ),
    "salesforce_not_equal_includes_null": Switch(True, "Whether x != 'a' finds records in which x is empty."),
    "salesforce_empty_text_is_null": Switch(
        True, "Whether '' in a condition means an empty field; false: it means nothing."
    ),
    "salesforce_stamp_milliseconds": Switch(
        False, "Whether stored times keep milliseconds; they seem to be whole seconds."
    ),
    "salesforce_fields_all_limit": Switch(
        200, "FIELDS(ALL) and FIELDS(CUSTOM) need a LIMIT of at most this; 0: none.", bounds=(0, 2000)
    ),
    "salesforce_missing_parent_is_null": Switch(
        True,
        "Whether a record without the parent asked for shows it as null or leaves the key out.",
    ),
}
DEFAULTS: Final[Mapping[str, Any]] = {name: switch.default for name, switch in SWITCHES.items()}
# Marked [U] too, but nothing that a switch could turn: the names of the standard list views (make, change and delete
# views with POST /_sandbox/salesforce/listviews), the texts of messages (no client may read them), the effect of
# Sforce-Auto-Assign on Accounts (no territories here), Change Data Capture (not offered), and errors that only a fault
# brings about: INSUFFICIENT_ACCESS, API_DISABLED_FOR_ORG, QUERY_TIMEOUT.
