"""Which workspaces the user trusts to set endpoints, commands and models.

Trust is given to a folder, not to one version of its settings file, as VS Code does it: whoever can change that file
in a folder can also change the tests and build scripts that a refactor's checks run, so a hash of the one file would
promise what it cannot keep. A folder inside a trusted one is not trusted with it.

Invariant: the list is replaced as a whole, readable by the user alone; a list that cannot be read trusts nothing.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from turnout import paths
from turnout.errors import SettingsError

_FILE = "trusted-workspaces"
_MAX_BYTES = 1024 * 1024


def is_trusted(workspace: Path) -> bool:
    """Whether the user trusts the folder, whichever links lead to it."""
    return real_path(workspace) in _load()


def trust(workspace: Path) -> Path:
    """Trust a folder and return its real path; raises SettingsError if there is none or it cannot be noted."""
    folder = folder_of(workspace)
    _change(lambda trusted: trusted | {str(folder)})
    return folder


def folder_of(workspace: Path) -> Path:
    """The real path of a folder that is there; raises SettingsError if it is not."""
    if not workspace.is_dir():
        raise SettingsError(f"{workspace} is not a folder.", advice="Give the path of a workspace.")
    return Path(real_path(workspace))


def distrust(workspace: Path) -> bool:
    """Take trust back; False where there was none. The folder need not exist any more."""
    real = real_path(workspace)
    found = real in _load()
    if found:
        _change(lambda trusted: trusted - {real})
    return found


def store_path() -> Path:
    """The file that holds the list, whether or not there is one yet."""
    return paths.state_dir() / _FILE


def trusted_workspaces() -> tuple[Path, ...]:
    """All trusted folders, sorted."""
    return tuple(Path(entry) for entry in sorted(_load()))


def real_path(workspace: Path) -> str:
    """The name under which a folder is noted, whichever links lead to it."""
    return os.path.realpath(workspace)


def _load() -> frozenset[str]:
    try:
        path = paths.state_dir() / _FILE
        if path.stat().st_size > _MAX_BYTES:
            return frozenset()
        entries = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return frozenset()
    if not isinstance(entries, list):
        return frozenset()
    return frozenset(entry for entry in entries if isinstance(entry, str))


def _change(change: Callable[[frozenset[str]], frozenset[str]]) -> None:
    change_file(_FILE, lambda: json.dumps(sorted(change(_load())), indent=1) + "\n")


def change_file(name: str, change: Callable[[], str]) -> None:
    """Replace the text of a file of the state directory, one process at a time; raises SettingsError.

    `change` gives the new text, and may look at the old one: nobody changes it meanwhile.
    """
    try:
        directory = paths.state_dir()
        with (directory / f"{name}.lock").open("w") as lock:
            _hold(lock.fileno())
            _replace(directory / name, change())
    except OSError as exc:
        raise SettingsError(
            f"{name} cannot be written: {exc}.",
            advice="Check the permissions of that folder, or set TURNOUT_STATE_DIR.",
        ) from exc


def _hold(descriptor: int) -> None:
    """Wait for other processes that change the list; closing the file lets the next one in."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _replace(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
