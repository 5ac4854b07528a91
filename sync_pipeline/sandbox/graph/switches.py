"""Every switch of the Graph stand-in: what Microsoft does not document or people saw differently, with its default.

`why` says what is uncertain; POST /_sandbox/switches sets a value, GET /_sandbox/switches/known tells them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sync_pipeline.sandbox.state import Switch

SWITCHES: Final[Mapping[str, Switch]] = {
    # -- contacts
    "home_phones_limit": Switch(
        2, "Business phones are limited to 2; that home phones are too is a guess. 0: no limit.", bounds=(0, 1000)
    ),
    "im_addresses_limit": Switch(
        0, "Whether the number of imAddresses is limited is not documented. 0: no limit.", bounds=(0, 1000)
    ),
    "long_strings": Switch(
        "kept",
        "What happens to a text longer than string_length_limit is not documented.",
        ("kept", "refused", "truncated"),
    ),
    "string_length_limit": Switch(
        255, "The longest text of a property is not documented; used with long_strings.", bounds=(1, 1_000_000)
    ),
    "file_as_rule": Switch(
        "last_first",
        "How the server makes fileAs is not documented; the sample shows 'Fort, Garth'.",
        ("last_first", "first_last", "empty"),
    ),
    "etag_is_change_key": Switch(
        True, 'An @odata.etag looks like W/"changeKey"; that the two are equal is not documented.'
    ),
    "if_match_honoured": Switch(True, "If-Match on contacts is not documented; False: it is ignored."),
    "address_patch_merges": Switch(
        True, "Whether a PATCH of part of an address leaves its other parts is not documented; False: they go."
    ),
    "patch_parent_folder": Switch(
        "ignored",
        "The documentation lists parentFolderId as writable; nobody was seen to move a contact with it.",
        ("ignored", "moves", "refused"),
    ),
    "permanent_delete_is_soft": Switch(
        False, "permanentDelete was measured as unreliable; True: what it deletes goes to Deleted Items."
    ),
    "copy_keeps_extended": Switch(
        True, "Whether a person's copy of a contact carries its extended properties, our stamp too, is not known."
    ),
    "move_changes_immutable_id": Switch(
        False, "Dragging in Outlook for Windows was reported to change the immutable id of messages."
    ),
    "filter_by_category": Switch(
        False, "A $filter on categories is undocumented and was reported both to work and to be refused with 400."
    ),
    "contact_lists_counted": Switch(
        0,
        "Contact lists (groups) are counted by $count and never returned; this is how many each folder has.",
        bounds=(0, 1_000_000),
    ),
    # -- extended properties
    "extended_in_folder_post": Switch(
        True, "A POST below a folder is not among the documented places for them; False: they are dropped silently."
    ),
    "extended_null_removes": Switch(
        True, "How one is taken off is not documented: null and an empty text remove it; False: it stays, empty."
    ),
    "extended_ids_rewritten": Switch(
        False, "Whether ids come back as they were asked for; True: GUID and digits in lower case, as MAPI has them."
    ),
    # -- folders and categories
    "folder_exists_status": Switch(409, "A second folder of a name was answered with 400 and with 409.", (400, 409)),
    "category_exists_status": Switch(409, "The error for a second category of a name is not documented.", (400, 409)),
    "unlisted_categories_accepted": Switch(
        True, "Whether an item's category must stand in the master list is not documented; False: 400."
    ),
    "folder_delta_options_refused": Switch(
        True,
        "Which options contactFolders/delta takes is not documented; False: $top and $filter are taken and ignored.",
    ),
    "folder_delta_includes_default": Switch(
        False, "Whether contactFolders/delta shows the default folder, which the list leaves out, is not documented."
    ),
    # -- change tracking
    "delta_select_rejected": Switch(
        False, "The refusal of delta names $select among what it does not take, yet it was answered with 200."
    ),
    "delta_shows_extended_only_changes": Switch(
        True, "Whether a PATCH of extended properties alone shows in delta is not documented."
    ),
    "delta_partial_rows": Switch(
        False, "Rows after the first round may be partial; True: id, change key, folder and time of change only."
    ),
    "delta_removed_type": Switch(
        "#microsoft.graph.contact",
        "The only sample of a removal is a message's; a contact's @odata.type may be its own, a message's or absent.",
        ("#microsoft.graph.contact", "#microsoft.graph.message", ""),
    ),
    "delta_removed_reason": Switch(
        "deleted",
        "The overview knows 'changed' (can be restored) and 'deleted'; which one contacts get is not documented.",
        ("deleted", "changed"),
    ),
    "delta_links_in_key_form": Switch(
        False, "Messages' delta links come as mailFolders('ID'); whether contacts' do is not known."
    ),
    "delta_expired_code": Switch(
        "SyncStateNotFound",
        "410 was seen with this code; the documentation has it with a small letter, and the generic resyncRequired.",
        ("SyncStateNotFound", "syncStateNotFound", "SyncStateInvalid", "resyncRequired"),
    ),
    "delta_expired_location": Switch(
        False, "The overview says that a 410 may carry a Location with an empty token; not seen for contacts."
    ),
    # -- $batch and throttling
    "batch_inherits_prefer": Switch(
        False, "Whether the outer Prefer and client-request-id hold for the parts of a $batch is not documented."
    ),
    "batch_same_dependency_accepted": Switch(
        True,
        "The documentation wants a batch all sequential or all parallel; Microsoft's own JavaScript client also lets"
        " several parts depend on one and the same. False: that is refused with 400, as other mixtures are.",
    ),
    "throttled_code": Switch(
        "ApplicationThrottled",
        "Reported beside it: UnknownError with an empty message.",
        ("ApplicationThrottled", "UnknownError"),
    ),
    "throttle_concurrency": Switch(
        False, "Exchange refuses a fifth concurrent call to a mailbox; off, because tests rarely mean to meet it."
    ),
}
