"""What the tests of remote models share."""

import logging
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from support.child_server import child_server
from support.hole_server import SECRET
from turnout.remote import RemoteBackend


@pytest.fixture
async def backend(caplog: pytest.LogCaptureFixture) -> AsyncIterator[RemoteBackend]:
    """A backend that knows one key, which is in no log of any library, at any level."""
    made = RemoteBackend({"env:KEY": SECRET}.get)
    with caplog.at_level(logging.DEBUG):
        yield made
        await made.close()
    assert SECRET not in caplog.text


@pytest.fixture(scope="module")
def llmock() -> Iterator[str]:
    """The address of an llmock for all tests of a file."""
    with child_server("llmock_server.py") as base:
        yield base


@pytest.fixture
async def control(llmock: str) -> AsyncIterator[httpx.AsyncClient]:
    """llmock's own controls, with what came before forgotten."""
    async with httpx.AsyncClient(base_url=llmock, trust_env=False, timeout=30) as client:
        (await client.post("/_llmock/reset")).raise_for_status()
        yield client
