"""An upgrade while editors are open: both versions work, and what the old one had in memory goes with it."""

import asyncio
import shutil
import sys
from pathlib import Path

import turnout
from support.editor import GUARD_S, editing
from support.home import Home
from support.processes import processes_of
from support.workers import worker_is

OLD = (sys.executable, "-P", "-m", "turnout", "serve", "--stdio")


def _old_version(root: Path) -> Path:
    """A copy of this version that calls itself older, as a folder for PYTHONPATH."""
    folder = root / "old"
    package = Path(turnout.__file__).parent
    shutil.copytree(package, folder / "turnout", ignore=shutil.ignore_patterns("__pycache__"))
    init = folder / "turnout" / "__init__.py"
    init.write_text(init.read_text().replace(turnout.__version__, "0.0.1"))
    return folder


def _workers(home: Home) -> list[int]:
    return [pid for pid, command in processes_of(home.root).items() if "turnout.worker" in command]


async def test_upgrade_while_an_editor_is_open(lone_home: Home) -> None:
    """The old editor keeps its model process, the new one gets its own, and the old one leaves with its editor."""
    home = lone_home
    old_path = str(_old_version(home.root))
    async with editing(home, options={}) as new:
        async with editing(home, options={}, command=OLD, PYTHONPATH=old_path) as old:
            assert await old.ghost(old.open(home.uri("a.py"), "hel"), 3) == "lo_from_fake(42)"
            (before,) = _workers(home)
            assert await new.ghost(new.open(home.uri("b.py"), "hel"), 3) == "lo_from_fake(42)"
            assert len(_workers(home)) == 2
            assert await old.ghost(old.open(home.uri("c.py"), "hel"), 3) == "lo_from_fake(42)"
        async with asyncio.timeout(GUARD_S):
            while before in await asyncio.to_thread(_workers, home):
                pass
        assert await worker_is(home, "idle") != before
        assert await new.ghost(new.open(home.uri("d.py"), "hel"), 3) == "lo_from_fake(42)"
