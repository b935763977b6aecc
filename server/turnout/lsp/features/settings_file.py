"""`turnout/settingsFile`: completion and checks for an open `.turnout.toml` or `config.toml`."""

import asyncio
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from turnout import paths
from turnout.errors import PathRefused
from turnout.files import uri_to_path
from turnout.lsp.fields import fields_of, position_of, uri_of
from turnout.lsp.positions import position_from_lsp
from turnout.lsp.server import TurnoutServer
from turnout.session import settings_file

_NAMES = ("/.turnout.toml", "/turnout/config.toml")


async def look(ls: TurnoutServer, params: Any) -> dict[str, Any]:
    """What is wrong with the file, and what may stand at `position` if there is one."""
    fields = fields_of(params)
    uri = uri_of(fields)
    snapshot = ls.snapshot(uri)
    if snapshot is None or not await asyncio.to_thread(_is_of_settings, uri):
        return {"problems": [], "items": []}
    text, asked = snapshot.text, position_of(fields)
    if asked is None:
        found = await asyncio.to_thread(settings_file.faults, text)
        return {"problems": [asdict(fault) for fault in found], "items": []}
    at = position_from_lsp(snapshot, asked, ls.protocol.encoding)
    offered = await asyncio.to_thread(settings_file.suggestions, text, at.line, at.character)
    return {"problems": [], "items": [asdict(item) for item in offered]}


def _is_of_settings(uri: str) -> bool:
    """Whether a document is a workspace's settings file or the user's, wherever `TURNOUT_CONFIG_DIR` has that."""
    if uri.endswith(_NAMES):
        return True
    with suppress(PathRefused, OSError, ValueError):
        file = uri_to_path(uri)
        return file.name == "config.toml" and file.parent.samefile(paths.config_dir())
    return False
