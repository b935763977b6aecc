"""The directories of one imaginary user, and an environment in which Turnout sees nothing of the real one's.

Invariant: no key, no proxy and no setting of whoever runs the tests gets through.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TURNOUT = str(Path(sys.executable).with_name("turnout"))
"""The installed command."""

_KEPT_OUT = re.compile(r"TURNOUT_\w+|\w+_API_KEY|(?:https?|all|no)_proxy", re.IGNORECASE)


@dataclass(frozen=True)
class Home:
    """Where this user keeps everything; `work` is the folder that the editor has open."""

    root: Path
    runtime: Path

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def state(self) -> Path:
        return self.root / "state"

    def environment(self, **more: str) -> dict[str, str]:
        """Environment variables of a process of this user, with the fake engine unless `more` says otherwise."""
        inherited = {name: value for name, value in os.environ.items() if not _KEPT_OUT.fullmatch(name)}
        own = {
            "TURNOUT_CONFIG_DIR": str(self.root / "config"),
            "TURNOUT_STATE_DIR": str(self.state),
            "TURNOUT_CACHE_DIR": str(self.root / "cache"),
            "TURNOUT_RUNTIME_DIR": str(self.runtime),
            "TURNOUT_ENGINE": "fake",
        }
        return {name: value for name, value in {**inherited, **own, **more}.items() if value}

    def configure(self, toml: str) -> Path:
        """Write the user's `config.toml`."""
        path = self.root / "config" / "config.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(toml, encoding="utf-8")
        return path

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file of the workspace."""
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def read(self, name: str) -> str:
        """The text of a file of the workspace, its line endings as they are."""
        return (self.work / name).read_bytes().decode()

    def uri(self, name: str = "") -> str:
        """The URI of the workspace or of a file in it."""
        return (self.work / name).as_uri()


@contextmanager
def short_directory() -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name; removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="te")).resolve()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
