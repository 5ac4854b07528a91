"""State and Country picklists: which countries and states there are, and how names and codes follow each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.catalogue import ObjectDef
from sync_pipeline.sandbox.salesforce.errors import RowError
from sync_pipeline.sandbox.state import Json

COUNTRIES: Final[Mapping[str, str]] = {
    "AT": "Austria", "AU": "Australia", "BE": "Belgium", "BR": "Brazil", "CA": "Canada", "CH": "Switzerland",
    "CN": "China", "CZ": "Czechia", "DE": "Germany", "DK": "Denmark", "ES": "Spain", "FI": "Finland", "FR": "France",
    "GB": "United Kingdom", "IE": "Ireland", "IN": "India", "IT": "Italy", "JP": "Japan", "LU": "Luxembourg",
    "MX": "Mexico", "NL": "Netherlands", "NO": "Norway", "PL": "Poland", "PT": "Portugal", "SE": "Sweden",
    "US": "United States",
}  # fmt: skip
# Salesforce ships states for these countries among others; a country without states takes none.
STATES: Final[Mapping[str, Mapping[str, str]]] = {
    "AU": {"NSW": "New South Wales", "QLD": "Queensland", "SA": "South Australia", "TAS": "Tasmania", "VIC": "Victoria",
           "WA": "Western Australia"},
    "CA": {"AB": "Alberta", "BC": "British Columbia", "MB": "Manitoba", "NS": "Nova Scotia", "ON": "Ontario",
           "QC": "Quebec", "SK": "Saskatchewan"},
    "US": {"CA": "California", "CO": "Colorado", "FL": "Florida", "GA": "Georgia", "IL": "Illinois",
           "MA": "Massachusetts", "MI": "Michigan", "NJ": "New Jersey", "NY": "New York", "OH": "Ohio",
           "OR": "Oregon", "PA": "Pennsylvania", "TX": "Texas", "VA": "Virginia", "WA": "Washington"},
}  # fmt: skip


def apply_address_picklists(target: ObjectDef, record: Json, changes: Mapping[str, Any]) -> None:
    """Completes names and codes of the addresses that change. Raises RowError FIELD_INTEGRITY_EXCEPTION.

    Does nothing for an object without the …Code fields, as in an org without the picklists.
    """
    for code_field in [name for name in target.fields if name.endswith("CountryCode")]:
        prefix = code_field.removesuffix("CountryCode")
        parts = [f"{prefix}{part}" for part in ("Country", "CountryCode", "State", "StateCode")]
        if any(name in changes for name in parts):
            country = _follow(target, record, changes, f"{prefix}Country", COUNTRIES, "country")
            _follow(target, record, changes, f"{prefix}State", STATES.get(country or "", {}), "state")


def _follow(
    target: ObjectDef, record: Json, changes: Mapping[str, Any], name: str, known: Mapping[str, str], kind: str
) -> str | None:
    """The code; the name decides where both or none of the two were given."""
    by_code = f"{name}Code" in changes and name not in changes
    given = record.get(f"{name}Code") if by_code else record.get(name)
    if given is None:
        record[name] = record[f"{name}Code"] = None
        return None
    code = next((code for code, text in known.items() if given in (code, text)), None)
    if code is None:
        message = (
            f"There's a problem with this {kind}, even though it may appear correct. Please select a"
            f" {kind}/{'territory' if kind == 'country' else 'province'} from the list of valid ones.:"
            f" {target.fields[name].label}"
        )
        raise RowError("FIELD_INTEGRITY_EXCEPTION", message, [name])
    record[name], record[f"{name}Code"] = known[code], code
    return code
