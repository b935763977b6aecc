"""Which processes belong to a test: those that have its directory in their environment."""

import os
from pathlib import Path

import pytest


def processes_of(directory: Path) -> dict[int, str]:
    """Command lines of the living processes that were started with `directory` in their environment, by id."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("only Linux tells the environment of processes")
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(directory) in (process / "environ").read_bytes():
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                if command:  # a zombie has none
                    found[int(process.name)] = command
        except OSError:  # gone meanwhile, or of another user
            continue
    return found
