"""The pages say what the code does: codes, settings, variables, and a place in the site for each page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from sync_pipeline.model.fields import FIELDS
from sync_pipeline.settings.sections import Discover, Email
from sync_pipeline_tests.documentation import settings_page
from sync_pipeline_tests.documentation.codes import error_codes, hold_kinds
from sync_pipeline_tests.documentation.pages import DOCS, PAGES, ROOT, TEXTS, blocks, inline

#: What Dagster, the shell and our own tests know beside our own variables.
_OTHERS = {"SYNC_PIPELINE_COMPLETE"}
_CODE_OF_A_ROW = re.compile(r"^\| `([\w…]+)` \|", re.MULTILINE)


def nav() -> Iterator[str]:
    """The pages that the site's navigation names."""

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, str):
            yield node
        for below in node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ():
            yield from walk(below)

    yield from walk(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])


def test_every_page_has_one_place_in_the_navigation() -> None:
    assert sorted(nav()) == sorted(page.name for page in PAGES)


def test_the_site_fetches_nothing_from_elsewhere() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert settings["theme"]["font"] is False
    named = [*settings.get("extra_css", ()), *settings.get("extra_javascript", ())]
    assert [name for name in named if not (DOCS / name).is_file()] == []


def test_what_stands_outside_of_the_site_links_to_what_is_there() -> None:
    # the build looks at the pages' own links
    for text in (path for path in TEXTS if path not in PAGES):
        links = re.findall(r"\]\((?!https?:)([^)#]+)", text.read_text(encoding="utf-8"))
        assert [link for link in links if not (text.parent / link).exists()] == [], text.name


def test_troubleshooting_tells_of_every_code_and_of_no_other() -> None:
    page = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    holds, rest = page.split("## A contact or a field has a problem")
    assert set(_CODE_OF_A_ROW.findall(holds)) == hold_kinds()
    assert set(_CODE_OF_A_ROW.findall(rest)) - {"http_…"} == error_codes()


def test_the_codes_are_found_in_the_code() -> None:
    # one of each way in which the code gives one: if the search goes blind, the test above would
    assert {"too_long", "required_field_cleared", "contact_unreadable", "merge_pending"} <= error_codes()
    assert {"mailbox_forbidden", "warehouse_newer", "run_in_progress", "mailbox_full", "waiting"} <= error_codes()
    assert {"salesforce_limit", "invalid_grant", "DUPLICATES_DETECTED", "defect"} <= error_codes()
    assert {"guard", "changed_since", "edited_since", "unsaved_edit", "first_run", "not_in_bin"} <= hold_kinds()


def test_the_settings_page_is_current() -> None:
    current = settings_page.PAGE.read_text(encoding="utf-8")
    assert current == settings_page.page(), f"run python -m {settings_page.__name__}"


def test_every_environment_variable_that_a_page_names_is_read_by_the_code() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "sync_pipeline").rglob("*.py"))
    table = settings_page.PAGE.read_text(encoding="utf-8")
    known = set(re.findall(r"SYNC_PIPELINE_\w+", code + table)) | _OTHERS
    for text in TEXTS:
        named = set(re.findall(r"SYNC_PIPELINE_\w+", text.read_text(encoding="utf-8")))
        assert {name.rstrip("_") for name in named} <= known, text.name


def test_every_setting_that_a_page_names_exists() -> None:
    paths = {path for path, _ in settings_page.schema_keys()}
    keys = {path[:length] for path in paths for length in range(1, len(path) + 1)}
    keys |= {path[1:] for path in keys if path[0] == "defaults" and len(path) > 1} | {
        ("mailboxes",),
        ("discover",),
        ("listed",),
    }
    keys |= {("email",), *(("email", name) for name in Email.model_fields)}  # of alerts, as its example has it
    sections = {path[0] for path in keys if any(longer[0] == path[0] and len(longer) > 1 for longer in keys)}
    tables = re.findall(r"create table (?:if not exists )?(\w+\.\w+)", _sql())
    for text in TEXTS:
        content = text.read_text(encoding="utf-8")
        for code in inline(content):
            name = re.match(r"([a-z_]+(?:\.[a-z_]+)+)(?::.*)?$", code)
            if name and name[1] not in tables and name[1].split(".")[0] in sections:
                assert tuple(name[1].split(".")) in keys, f"{text.name}: {code}"
        for block in blocks(content, "yaml"):
            wrong = {".".join(path) for path in _paths(yaml.safe_load(block)) if path not in keys}
            assert wrong == set(), text.name


def _paths(document: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The key paths of a block of YAML, as the schema has them; what people name themselves is left out."""
    if path[-1:] in (("mapping",), ("fields",)) or (len(path) > 1 and path[-2] == "create"):
        return
    if path[-1:] == ("discover",):
        assert document.keys() <= Discover.model_fields.keys()
        return
    for key, value in document.items() if isinstance(document, Mapping) else ():
        yield (*path, key) if path[:1] != ("mailboxes",) else (key,)
        yield from _paths(value, (*path, key))
    for entry in document if isinstance(document, list) and path[:1] == ("mailboxes",) else ():
        for key, value in entry.items():
            if key not in ("mailbox", "salesforce_user"):
                yield (key,)
                yield from _paths(value, ("defaults", key))


def _sql() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "sync_pipeline").rglob("*.sql"))


def test_every_mapped_field_stands_in_the_settings_page() -> None:
    page = settings_page.PAGE.read_text(encoding="utf-8")
    assert all(f"| `{field.name}` | `{field.salesforce}` |" in page for field in FIELDS)
