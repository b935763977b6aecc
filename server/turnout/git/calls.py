"""Runs git in a repository that may be a stranger's.

Invariant: nothing that the repository's own configuration or attributes name is run: no pager, hook, filter, external
diff, text conversion, file system monitor, signature program or transport. Each command has a limit of time and of
output.
"""

import asyncio
import os
import re
import shlex
import subprocess
import tempfile
import threading
from collections.abc import Sequence, Set
from pathlib import Path
from typing import IO

from turnout.errors import GitFailed
from turnout.ignores import top_of

TIMEOUT_S = 15.0
MAX_BYTES = 8_000_000

_SAFE = (
    "--no-pager", "--no-optional-locks", "--literal-pathspecs",
    "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "-c", "core.quotePath=false",
    "-c", "core.attributesFile=", "-c", "core.pager=cat", "-c", "log.showSignature=false",
    "-c", "submodule.recurse=false", "-c", "diff.ignoreSubmodules=dirty", "-c", "safe.bareRepository=explicit",
)  # fmt: skip
RENAMES = ("--find-renames", "-l1000")
"""A repository may not say how far they are looked for: the rules of both names decide about a file."""

_DROPPED = re.compile(
    r"GIT_(?:TRACE\w*|EXTERNAL_DIFF|PAGER|SSH\w*|ASKPASS|PROXY\w*|EDITOR|CONFIG\w*|ATTR_SOURCE)"
)
_OF_REPOSITORY = re.compile(
    r"GIT_(?:DIR|WORK_TREE|COMMON_DIR|INDEX_FILE|PREFIX|NAMESPACE|\w*OBJECT_DIRECTOR(?:Y|IES)|GRAFT_FILE|SHALLOW_FILE)"
)
"""What says which repository is meant, as git tells its hooks."""
_OWNER = re.compile(rb"(?:ownership in repository at |unsafe repository \()'([^\n]*)'(?: is owned|\s|$)")
"""As git says it, before 2.38 in other words."""
_MOST_COMPLAINTS = 10_000


async def run(
    folder: Path,
    *arguments: str,
    timeout_s: float = TIMEOUT_S,
    most_bytes: int = MAX_BYTES,
    given: bytes = b"",
) -> bytes:
    """The output of a git command that reads what is `given`, cut at `most_bytes`. Raises GitFailed where it fails."""
    call = _Call([*_SAFE, *arguments], folder, timeout_s, most_bytes, given)
    running = asyncio.ensure_future(asyncio.to_thread(call.run))
    try:
        return await asyncio.shield(running)
    finally:
        call.stop()
        await asyncio.wait({running})


def run_waiting(folder: Path, *arguments: str) -> bytes:
    """As `run` does; it waits for git, so call it in a thread."""
    return _Call([*_SAFE, *arguments], folder, TIMEOUT_S, MAX_BYTES, b"").run()


async def toplevel(folder: Path) -> Path:
    """The top of the work tree that holds `folder`. Raises GitFailed where there is none, or none around it."""
    try:
        said = (await run(folder, "rev-parse", "--show-toplevel")).decode("utf-8", "surrogateescape")
    except Foreign:
        raise
    except Refused as error:
        raise GitFailed(
            f"{folder} is in no git repository, or in one that git does not read.",
            advice="git status, run there, says more.",
        ) from error
    top, inside = await asyncio.to_thread(lambda: (Path(said.rstrip("\n")).resolve(), folder.resolve()))
    if not inside.is_relative_to(top):
        raise GitFailed(f"{folder} is not in the work tree of its repository, which says that it is {top}.")
    return top


class Missing(GitFailed):
    """There is no git."""


class Refused(GitFailed):
    """git ran, and said no."""


class NoRepository(Refused):
    """It said that it finds no repository."""


class Foreign(Refused):
    """It said that the repository is another user's, whose settings it would follow."""


def _refusal(said: bytes, command: str, folder: Path, status: int) -> GitFailed:
    """What git's complaint comes to."""
    if foreign := _OWNER.search(said):
        top = foreign[1].decode("utf-8", "surrogateescape")
        return Foreign(
            f"git refuses to read the repository {top}, which belongs to another user.",
            advice=f"If you trust it, allow it: git config --global --add safe.directory {shlex.quote(top)}",
        )
    kind = NoRepository if b"not a git repository (or any" in said else Refused
    return kind(f"git {command} failed in {folder} with exit status {status}.")


class _Call:
    """One run of git, which another thread may stop."""

    def __init__(
        self, arguments: Sequence[str], folder: Path, timeout_s: float, most_bytes: int, given: bytes
    ) -> None:
        self._arguments = arguments
        self._folder = folder
        self._timeout_s = timeout_s
        self._most_bytes = most_bytes
        self._given = given
        self._stopped = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> bytes:
        """Start it, read what it says and wait for its end."""
        try:
            with (
                self._input() as given,
                tempfile.TemporaryFile() as complaints,
                subprocess.Popen(  # noqa: S603 - fixed arguments, and paths behind `--`
                    ["git", *self._arguments],  # noqa: S607 - the user's own git, wherever it is
                    cwd=self._folder,
                    env=_environment(self._folder),
                    stdin=given,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                ) as process,
            ):
                return self._read(process, complaints)
        except OSError as error:
            if not self._folder.is_dir():
                raise GitFailed(f"There is no folder {self._folder}.") from error
            raise Missing(f"git cannot be run: {error}.", advice="Install git.") from error

    def _input(self) -> IO[bytes]:
        """What git reads from: a file, so that neither side waits for the other."""
        given = tempfile.TemporaryFile()  # noqa: SIM115 - its caller closes it
        given.write(self._given)
        given.seek(0)
        return given

    def _read(self, process: "subprocess.Popen[bytes]", complaints: IO[bytes]) -> bytes:
        self._process = process
        timer = threading.Timer(self._timeout_s, self.stop)
        timer.start()
        try:
            assert process.stdout is not None
            data = b"" if self._stopped.is_set() else process.stdout.read(self._most_bytes)
            is_cut = bool(data) and bool(process.stdout.read(1))
            if is_cut or self._stopped.is_set():
                process.kill()
            status = process.wait()
        finally:
            timer.cancel()
            process.kill()
        if self._stopped.is_set():
            raise GitFailed(f"git did not finish within {self._timeout_s:g} s.")
        if status and not is_cut:
            command = next(word for word in self._arguments[len(_SAFE) :])
            complaints.seek(0)
            raise _refusal(complaints.read(_MOST_COMPLAINTS), command, self._folder, status)
        return data

    def stop(self) -> None:
        """End it, wherever it is."""
        self._stopped.set()
        if self._process is not None:
            self._process.kill()


def _environment(folder: Path) -> dict[str, str]:
    """Ours, without what makes git run something or look elsewhere, and with nothing to fetch or to ask."""
    meant = _meant(folder)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not _DROPPED.fullmatch(name) and (name in meant or not _OF_REPOSITORY.fullmatch(name))
    }
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "", "LC_ALL": "C"}
    return {**kept, **quiet}


def _meant(folder: Path) -> Set[str]:
    """The variables of a hook that hold for `folder`: none where that is in another repository than we were started in.

    A repository that is found around a folder needs no variables, but a commit of some files has an index of its own.
    """
    try:
        top, here = top_of(folder.resolve()), top_of(Path.cwd().resolve())
    except OSError:
        return frozenset()
    if top != here:
        return frozenset()
    return (
        {"GIT_INDEX_FILE"}
        if os.path.lexists(top / ".git")
        else set(filter(_OF_REPOSITORY.fullmatch, os.environ))
    )
