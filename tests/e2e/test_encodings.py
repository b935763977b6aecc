"""Positions in the client's encoding: the server's text stays the editor's text, whatever is in it."""

import json

import pytest
from lsprotocol import types

from support.editor import editing, vscode
from support.home import Home

# Outside of the BMP, combining, wide; a form feed and U+2028, at which `str.splitlines` would break, and every ending.
TEXT = "a = '🚃🚃é'\r\nb = '\f\u2028'\rc = 'e\u0301 漢'\n\nprint('🎼', a)  # 🚃\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_edits(home: Home, encoding: str) -> None:
    """After edits around such characters the model is asked about exactly the text that the editor shows."""
    wanted = (
        TEXT.replace("🚃é", "x🚃🚃").replace("\f", "\f🎻\f").replace("漢'\n\n", "漢字'\n").replace("🎼", "")
    )
    before, after = wanted[: wanted.index(", a)")] + ", b🎺.", ", a)" + wanted.partition(", a)")[2]
    script = {
        "fim": [
            {"prefix_ends": before, "suffix_starts": after, "path_ends": "a.py", "text": "as_text()"},
            {"text": " # the text is another one"},
        ]
    }
    can = vscode()
    assert can.general is not None
    can.general.position_encodings = [types.PositionEncodingKind(encoding)]
    async with editing(home, can, options={}, TURNOUT_FAKE_SCRIPT=json.dumps(script)) as editor:
        assert editor.encoding == encoding
        buffer = editor.open(home.uri("a.py"), TEXT)
        for old, new in (("🚃é", "x🚃🚃"), ("\f", "\f🎻\f"), ("漢'\n\n", "漢字'\n"), ("🎼", "")):
            start = buffer.text.index(old)
            editor.change(buffer, start, start + len(old), new)
        cursor = editor.type(buffer, ", b🎺.", at=buffer.text.index(", a)"))
        item = await editor.ghost_item(buffer, cursor)
        assert item is not None
        assert item.insert_text == "as_text()"
        there = buffer.position(cursor, encoding)
        assert item.range == types.Range(there, there)


async def test_no_encoding_named(home: Home) -> None:
    """A client that names no encoding counts in UTF-16, as the protocol says."""
    script = {"fim": [{"prefix_ends": "🚃 = 🚃", "suffix_starts": "\n", "text": "🚃"}]}
    can = vscode()
    can.general = None
    async with editing(home, can, options={}, TURNOUT_FAKE_SCRIPT=json.dumps(script)) as editor:
        buffer = editor.open(home.uri("a.py"), "🚃 = \n")
        assert await editor.ghost(buffer, editor.type(buffer, "🚃", at=4)) == "🚃"
