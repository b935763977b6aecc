"""llmock's own controls."""

from collections.abc import Mapping

import httpx


async def plan(control: httpx.AsyncClient, *behaviors: Mapping[str, object]) -> None:
    """What llmock does with the requests that come."""
    (await control.post("/_llmock/scenario", json={"behaviors": behaviors})).raise_for_status()
