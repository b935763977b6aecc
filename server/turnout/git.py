"""Asks git about a repository that may be a stranger's.

Invariant: nothing that the repository's own configuration or attributes name is run: no pager, hook, filter, external
diff, text conversion, file system monitor, signature program or transport. Only commands that read are given here, and
each has a limit of time and of output.
"""

import asyncio
import hashlib
import os
import re
import shlex
import subprocess
import tempfile
import threading
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import IO

from turnout.core.commits import PastChange, PastCommit, Staged, StagedFile
from turnout.core.patches import staged_files
from turnout.errors import GitFailed
from turnout.ignores import AI_FILES, top_of
from turnout.paths import WORKSPACE_SETTINGS

RULES = (WORKSPACE_SETTINGS, *AI_FILES)
"""The names of the files that say who may see what is around and below them."""

TIMEOUT_S = 15.0
MAX_BYTES = 8_000_000

_SAFE = (
    "--no-pager", "--no-optional-locks", "--literal-pathspecs",
    "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "-c", "core.quotePath=false",
    "-c", "core.attributesFile=", "-c", "core.pager=cat", "-c", "log.showSignature=false",
    "-c", "submodule.recurse=false", "-c", "diff.ignoreSubmodules=dirty", "-c", "safe.bareRepository=explicit",
)  # fmt: skip
_RENAMES = ("--find-renames", "-l1000")
"""A repository may not say how far they are looked for: the rules of both names decide about a file."""

_DIFF = (
    "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short", "--no-relative",
    "--src-prefix=a/", "--dst-prefix=b/", *_RENAMES,
)  # fmt: skip
_STAGED = ("--raw", "--numstat", "--patch", "-z", "--no-abbrev", "--full-index")
"""All in one run: nothing is staged between two parts of what it says."""

_DROPPED = re.compile(
    r"GIT_(?:TRACE\w*|EXTERNAL_DIFF|PAGER|SSH\w*|ASKPASS|PROXY\w*|EDITOR|CONFIG\w*|ATTR_SOURCE)"
)
_OF_REPOSITORY = re.compile(
    r"GIT_(?:DIR|WORK_TREE|COMMON_DIR|INDEX_FILE|PREFIX|NAMESPACE|\w*OBJECT_DIRECTOR(?:Y|IES)|GRAFT_FILE|SHALLOW_FILE)"
)
"""What says which repository is meant, as git tells its hooks."""
_OWNER = re.compile(rb"(?:ownership in repository at |unsafe repository \()'([^\n]*)'(?: is owned|\s|$)")
"""As git says it, before 2.38 in other words."""
_SUBJECTS = 12
_MOST_COMPLAINTS = 10_000


async def staged(folder: Path) -> Staged:
    """What is staged in the repository around `folder`, and the last subjects of its history.

    Raises GitFailed where there is no repository.
    """
    root = await toplevel(folder)
    said = await run(root, "diff", "--cached", *_STAGED, *_DIFF)
    files = await _ruled(root, staged_files(said))
    try:
        said = await run(root, "log", f"--max-count={_SUBJECTS}", "--no-merges", "--format=%s", "--no-color")
    except GitFailed:
        said = b""  # there is no commit yet
    subjects = tuple(said.decode("utf-8", "replace").splitlines())
    return Staged(str(root), files, subjects)


async def _ruled(root: Path, files: Sequence[StagedFile]) -> tuple[StagedFile, ...]:
    """The files, without the diff of those that stood under rules which are not on disk as git has them.

    Who may see a file is decided by the settings and ignore files on disk. For the text of a file that is gone these
    say nothing: they may well have gone with it.
    """
    gone = await asyncio.to_thread(_gone, root, files)
    unlike = await _unlike_disk(root, {folder for name in gone for folder in PurePosixPath(name).parents})

    def is_ruled(file: StagedFile) -> bool:
        names = gone.intersection((file.path, file.old_path))
        return not any(unlike.intersection(PurePosixPath(name).parents) for name in names)

    return tuple(file if is_ruled(file) else replace(file, diff="", is_ruled=False) for file in files)


def _gone(root: Path, files: Sequence[StagedFile]) -> frozenset[str]:
    """The names of `files` that no file on disk stands for."""

    def is_here(name: str) -> bool:
        folder = (root / name).parent
        return os.path.lexists(root / name) and os.path.realpath(folder) == str(folder)

    old = {file.old_path for file in files if file.old_path}
    return frozenset(old | {file.path for file in files if file.is_deleted or not is_here(file.path)})


async def _unlike_disk(root: Path, folders: Set[PurePosixPath]) -> frozenset[PurePosixPath]:
    """Those of `folders` with a file of rules in the last commit or the index that is not like that on disk."""
    odd = {folder for folder in folders if "\n" in str(folder)}
    files = [folder / name for folder in sorted(folders - odd) for name in RULES]
    asked = [(file, f"{tree}{file}\n") for file in files for tree in ("HEAD:", ":0:")]
    given = "".join(line for _, line in asked).encode("utf-8", "surrogateescape")
    if not asked:
        return frozenset(odd)
    said = await run(root, "cat-file", "--batch-check=%(objectname)", given=given, most_bytes=8 * MAX_BYTES)
    lines = said.split(b"\n")[:-1]
    if len(lines) != len(asked):
        return frozenset(folders)
    known = [
        (file, line.decode("ascii", "replace"))
        for (file, _), line in zip(asked, lines, strict=True)
        if not line.endswith(b" missing")
    ]
    unlike = await asyncio.to_thread(
        lambda: {file.parent for file, blob in known if not _is_blob(_content(root / file), blob)}
    )
    return frozenset(unlike | odd)


async def history(folder: Path, most: int) -> AsyncIterator[PastCommit]:
    """The last commits with one parent, newest first, each with the files that it changed."""
    said = await run(
        folder, "log", f"--max-count={most}", "--no-merges", "--no-color", "-z", "--format=%H%n%P%n%B"
    )
    for entry in said.decode("utf-8", "replace").split("\0"):
        commit, _, rest = entry.partition("\n")
        parent, _, message = rest.partition("\n")
        if parent and " " not in parent:
            changes = await _past_changes(folder, parent, commit)
            yield PastCommit(commit, parent, message.strip(), changes)


async def _past_changes(folder: Path, parent: str, commit: str) -> tuple[PastChange, ...]:
    raw = await run(folder, "diff-tree", "-r", "-z", "--raw", "--no-abbrev", *_RENAMES, parent, commit)
    fields = iter(raw.decode("utf-8", "surrogateescape").split("\0"))
    found = []
    for field in fields:
        if not field.startswith(":"):
            continue
        _, _, before, after, status = field.removeprefix(":").split(" ")
        path = next(fields)
        new_path = next(fields) if status[0] in "RC" else ""
        sides = [None if set(blob) == {"0"} else blob for blob in (before, after)]
        found.append(PastChange(path, new_path, sides[0], sides[1]))
    return tuple(found)


async def listing(folder: Path, commit: str, most_bytes: int) -> dict[str, str]:
    """The blobs of the files of a commit of at most that many bytes each, by path; links and submodules left out."""
    said = await run(
        folder, "ls-tree", "-r", "-z", "--long", "--full-tree", commit, most_bytes=64 * MAX_BYTES
    )
    found = {}
    for entry in said.decode("utf-8", "surrogateescape").split("\0"):
        about, _, path = entry.partition("\t")
        fields = about.split()
        if path and fields[0] in ("100644", "100755") and int(fields[3]) <= most_bytes:
            found[path] = fields[2]
    return found


async def executables(folder: Path, commit: str) -> frozenset[str]:
    """The paths of the files of a commit that may be run."""
    said = await run(folder, "ls-tree", "-r", "-z", "--full-tree", commit, most_bytes=64 * MAX_BYTES)
    entries = said.decode("utf-8", "surrogateescape").split("\0")
    return frozenset(entry.partition("\t")[2] for entry in entries if entry.startswith("100755 "))


async def blobs(folder: Path, ids: Sequence[str], most_bytes: int) -> dict[str, bytes]:
    """The contents of blobs, as they are stored; those past `most_bytes` together are left out."""
    asked = "".join(f"{blob}\n" for blob in ids).encode()
    data = await run(folder, "cat-file", "--batch", given=asked, most_bytes=most_bytes, timeout_s=60.0)
    found: dict[str, bytes] = {}
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        fields = data[at:end].split()
        at = end + 1
        if len(fields) != 3:
            continue  # it is missing
        size = int(fields[2])
        if at + size > len(data):
            break
        found[fields[0].decode()] = data[at : at + size]
        at += size + 1
    return found


def kept_though_ignored(folder: Path) -> frozenset[str]:
    """The files in `folder` that are tracked although an ignore file names them, as paths from the top.

    None where git does not say. Waits for git: call it in a thread.
    """
    call = _Call(
        [*_SAFE, "ls-files", "--cached", "--ignored", "--exclude-standard", "--full-name", "-z"],
        folder, TIMEOUT_S, MAX_BYTES, b"",
    )  # fmt: skip
    try:
        said = call.run()
    except GitFailed:
        return frozenset()
    return frozenset(said.decode("utf-8", "surrogateescape").split("\0")[:-1])


async def toplevel(folder: Path) -> Path:
    """The top of the work tree that holds `folder`. Raises GitFailed where there is none, or none around it."""
    try:
        said = (await run(folder, "rev-parse", "--show-toplevel")).decode("utf-8", "surrogateescape")
    except _Foreign:
        raise
    except _Refused as error:
        raise GitFailed(
            f"{folder} is in no git repository, or in one that git does not read.",
            advice="git status, run there, says more.",
        ) from error
    top, inside = await asyncio.to_thread(lambda: (Path(said.rstrip("\n")).resolve(), folder.resolve()))
    if not inside.is_relative_to(top):
        raise GitFailed(f"{folder} is not in the work tree of its repository, which says that it is {top}.")
    return top


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


async def dirty(
    folder: Path, paths: Sequence[str], texts: Mapping[str, str | None] = MappingProxyType({})
) -> tuple[str, ...]:
    """Those of `paths` (in `folder`) that the last commit does not hold as they are on disk; a submodule has its own.

    None without a repository or a commit, nor one that it holds as it was a while ago, where `texts` says how that was
    (None: no file; a byte order mark is no part of a text). Raises GitFailed where git does not say.

    Files are compared here and not by git, which would run the filters that a repository names for it.
    """
    known: dict[str, str] = {}
    committed: set[str] = set()
    for inside, own in (await asyncio.to_thread(_by_repository, folder, paths)).items():
        held = await _held(
            folder / inside, [PurePosixPath(path).relative_to(inside).as_posix() for path in own]
        )
        if held is not None:
            known |= {(inside / path).as_posix(): blob for path, blob in held.items()}
            committed.update(own)
    asked = [path for path in paths if path in committed]
    return await asyncio.to_thread(_changed, folder, asked, known, texts)


def _by_repository(folder: Path, paths: Sequence[str]) -> dict[PurePosixPath, list[str]]:
    """`paths` by the folder in `folder` that is the top of their repository, which is mostly not in there."""
    found: dict[PurePosixPath, list[str]] = {}
    for path in paths:
        around = (
            inside for inside in PurePosixPath(path).parents if os.path.lexists(folder / inside / ".git")
        )
        found.setdefault(next(around, PurePosixPath()), []).append(path)
    return found


async def _held(folder: Path, paths: Sequence[str]) -> dict[str, str] | None:
    """The blobs of `paths` in the last commit; None without a repository or a commit."""
    try:
        listed = await run(folder, "ls-tree", "-z", "HEAD", "--", *paths)
    except (_Missing, _NoRepository):
        return None
    except GitFailed:
        if await _has_no_commit(folder):
            return None
        raise
    entries = (entry.partition("\t") for entry in listed.decode("utf-8", "surrogateescape").split("\0"))
    return {path: head.split(" ")[2] for head, _, path in entries if path}


async def _has_no_commit(folder: Path) -> bool:
    """Whether git reads the repository around `folder`, and there is none in it."""
    try:
        return not await run(folder, "rev-list", "--all", "--max-count=1")
    except GitFailed:
        return False


def _changed(
    folder: Path, paths: Sequence[str], known: Mapping[str, str], texts: Mapping[str, str | None]
) -> tuple[str, ...]:
    def is_known(path: str) -> bool:
        oid = known.get(path)
        return _is_blob(_content(folder / path), oid) or (path in texts and _was_blob(texts[path], oid))

    return tuple(path for path in paths if not is_known(path))


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _was_blob(text: str | None, oid: str | None) -> bool:
    if text is None:
        return oid is None
    data = text.encode("utf-8", "surrogatepass")
    return any(_is_blob(mark + data, oid) for mark in (b"", BOM_UTF8))


def _is_blob(data: bytes | None, oid: str | None) -> bool:
    """Whether `data` is the blob `oid`, also where git turns its line endings; None is a file that is not there."""
    if data is None or oid is None:
        return data is None and oid is None
    algorithm = "sha1" if len(oid) == 40 else "sha256"
    return any(
        hashlib.new(algorithm, b"blob %d\0" % len(text) + text, usedforsecurity=False).hexdigest() == oid
        for text in (data, data.replace(b"\r\n", b"\n"))
    )


class _Missing(GitFailed):
    """There is no git."""


class _Refused(GitFailed):
    """git ran, and said no."""


class _NoRepository(_Refused):
    """It said that it finds no repository."""


class _Foreign(_Refused):
    """It said that the repository is another user's, whose settings it would follow."""


def _refusal(said: bytes, command: str, folder: Path, status: int) -> GitFailed:
    """What git's complaint comes to."""
    if foreign := _OWNER.search(said):
        top = foreign[1].decode("utf-8", "surrogateescape")
        return _Foreign(
            f"git refuses to read the repository {top}, which belongs to another user.",
            advice=f"If you trust it, allow it: git config --global --add safe.directory {shlex.quote(top)}",
        )
    kind = _NoRepository if b"not a git repository (or any" in said else _Refused
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
            raise _Missing(f"git cannot be run: {error}.", advice="Install git.") from error

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
