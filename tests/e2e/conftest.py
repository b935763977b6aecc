"""What the end-to-end tests share."""

from collections.abc import Iterator

import pytest

from support.editor import Editor


@pytest.fixture(autouse=True)
def everything_read(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that shares its session with others leaves no message of the server unread."""
    yield
    if "editor" in request.fixturenames:
        editor = request.getfixturevalue("editor")
        assert isinstance(editor, Editor)
        unread, editor.unread = editor.unread, []
        assert unread == []
