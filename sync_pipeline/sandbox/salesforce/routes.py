"""Salesforce stand-in's routes."""

from __future__ import annotations

from starlette.responses import JSONResponse

from sync_pipeline.sandbox.runtime import Service
from sync_pipeline.sandbox.state import State


def salesforce_service(state: State) -> Service:
    """The Salesforce port's service."""
    return Service(
        name="salesforce",
        routes=[],
        fault_responses={"401": lambda fault: JSONResponse([], 401), "500": lambda fault: JSONResponse([], 500)},
    )
