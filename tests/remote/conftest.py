"""What the tests of remote models share."""

import logging
from collections.abc import AsyncIterator

import pytest

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
