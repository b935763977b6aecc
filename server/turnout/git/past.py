"""What the commits of a repository changed, and what they hold."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from turnout.core.commits import PastChange, PastCommit
from turnout.git.calls import MAX_BYTES, RENAMES, run


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
    raw = await run(folder, "diff-tree", "-r", "-z", "--raw", "--no-abbrev", *RENAMES, parent, commit)
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
