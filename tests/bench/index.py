"""The repository index: what 10,000 files cost, a save, a question, and a folder of too many files.

Invariant: limits are on processor time, which other work on the machine hardly changes; the time on the clock is shown
beside it where somebody waits.
"""

import json
import os
import random
import re
import resource
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from bench.report import Row, percentile
from turnout.index import RepositoryIndex, Spec
from turnout.index.link import COMMAND
from turnout.index.listing import walk

MOST_LISTED = 200_000
_SAVES = 200
_QUESTIONS = 300
_MAX_SOURCE_BYTES = 200_000
_MOST_WHOLE = 10_000
"""Of more files than this each is only a piece of one: whole ones would take more disk than an index may have."""
_PIECE_LINES = 30
_SUFFIXES = {".py", ".c", ".h", ".js", ".ts"}
_NAME = re.compile(r"\b([a-z]{4,})_([a-z]{3,})\b")


def measure(files: int) -> list[Row]:
    """Index `files` files of real code, save some of them, and ask."""
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as base:
        root, database = Path(base).resolve() / "work", Path(base) / "index.db"
        root.mkdir()
        size = _fill(root, files, _PIECE_LINES if files > _MOST_WHOLE else None)
        rows = _build(root, database, files, size)
        rows += _save(root, database)
        rows += _ask(root, database)
    return rows + _list(min(MOST_LISTED, files * MOST_LISTED // 10_000))


def _build(root: Path, database: Path, files: int, size: int) -> list[Row]:
    before = _children_s()
    with _process(root, database) as (order, _process_id):
        order("round")
    first_s, peak_mb = _children_s() - before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    before = _children_s()
    with _process(root, database) as (order, _process_id):
        assert order("round")["read"] == 0
    again_s = _children_s() - before
    name = f"index of {files:,} files, {size / files / 1e3:.1f} kB each"
    return [
        Row(f"{name}, processor time", "s", first_s, limit=60.0 * files / 10_000 + 1),
        Row(f"{name}, most memory", "MB", peak_mb, limit=150.0, fails_over=150.0),
        Row(f"{name}, on disk", "MB", database.stat().st_size / 1e6),
        Row(f"{name}, a second start, processor time", "s", again_s),
    ]


def _save(root: Path, database: Path) -> list[Row]:
    """Change files one after the other, as one who saves them."""
    paths = sorted(root.rglob("*.py"))[:_SAVES] or sorted(path for path in root.rglob("*") if path.is_file())
    took: list[float] = []
    with _process(root, database) as (order, process_id):
        order("update", [paths[0].relative_to(root).as_posix()])
        before = _process_s(process_id)
        for number, path in enumerate(paths):
            path.write_text(path.read_text("utf-8") + f"\nsaved_{number} = {number}\n", "utf-8")
            started = time.perf_counter()
            assert order("update", [path.relative_to(root).as_posix()])["read"] == 1
            took.append((time.perf_counter() - started) * 1000)
        spent_ms = (_process_s(process_id) - before) * 1000 / len(paths)
    return [
        Row("saved file in the index, processor time", "ms", spent_ms, limit=20.0, fails_over=40.0),
        Row("saved file in the index, on the clock, p50", "ms", percentile(took, 0.5)),
    ]


def _ask(root: Path, database: Path) -> list[Row]:
    index = RepositoryIndex(Spec(root, database))
    chance = random.Random(5)
    files = index.files()
    asked = [chance.choice(files) for _ in range(min(_QUESTIONS, len(files)))]
    names = [[one.name for one in index.outline(path)] + ["value"] for path in asked]
    questions: dict[str, Callable[[str, list[str]], object]] = {
        "definitions of 20 names": lambda _path, names: index.definitions(names[:20]),
        "mentions of a name": lambda _path, names: index.mentions(names[0]),
        "similar passages": lambda path, names: index.similar(names[:30], exclude=[path]),
        "importers": lambda path, _names: index.importers(path),
        "siblings": lambda path, _names: index.siblings(path),
    }
    rows = []
    for what, question in questions.items():
        took = [_timed(question, path, found) for path, found in zip(asked, names, strict=True)]
        rows.append(Row(f"index, {what}, processor time, p50", "ms", percentile(took, 0.5)))
        rows.append(Row(f"index, {what}, processor time, p99", "ms", percentile(took, 0.99)))
    index.close()
    return rows


def _list(count: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as base:
        root = Path(base).resolve()
        (root / ".gitignore").write_text("*.log\nbuild/\n")
        for number in range(count):
            folder = root / f"d{number % 211}"
            if number < 211:
                folder.mkdir()
            (folder / f"f{number}.py").touch()
        before = time.process_time()
        listed = sum(1 for _ in walk(root, lambda _path: True, count))
        took = time.process_time() - before
        assert listed == count
    return [Row(f"listing {count:,} files, processor time", "s", took)]


def _fill(root: Path, count: int, piece_lines: int | None) -> int:
    """Write `count` files of real code, no two the same, or pieces of so many lines; returns their bytes."""
    size = number = 0
    sources = _sources(4 * min(count, _MOST_WHOLE))
    for again in range(count):
        for source in sources:
            text = source.read_bytes().decode("utf-8", "replace")
            if again:
                text = _NAME.sub(rf"\1_\2_{again}", text)
            for piece in _pieces(text, piece_lines):
                folder = root / f"package{number % 97}" / f"part{number % 13}"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{source.stem}_{number}{source.suffix}").write_text(piece, "utf-8")
                size += len(piece)
                number += 1
                if number == count:
                    return size
    return size


def _pieces(text: str, lines: int | None) -> Iterator[str]:
    """A text in pieces of so many lines, or as a whole."""
    if lines is None:
        yield text
        return
    every = text.splitlines(keepends=True)
    for start in range(0, len(every), lines):
        yield "".join(every[start : start + lines])


def _sources(most: int) -> list[Path]:
    """Files of Python's own library and of what is installed here, at most so many, mixed."""
    every = (
        path
        for base in (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))
        for path in Path(base).rglob("*")
        if path.suffix in _SUFFIXES and 200 < path.stat().st_size < _MAX_SOURCE_BYTES
    )
    found = list(islice(every, most))
    random.Random(7).shuffle(found)
    return found


@contextmanager
def _process(root: Path, database: Path) -> "Iterator[tuple[Callable[..., dict[str, int]], int]]":
    """A process that writes the index; its function gives an order and waits until it is carried out."""
    command = [*COMMAND, "--root", str(root), "--database", str(database), "--niceness", "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout
        stdin.write(b"{}\n")

        def order(what: str, paths: list[str] | None = None) -> dict[str, int]:
            stdin.write(json.dumps({"id": 1, "do": what, "paths": paths}).encode() + b"\n")
            stdin.flush()
            for line in stdout:
                report: dict[str, int] = json.loads(line)
                if "did" in report:
                    return report
            raise RuntimeError("the process ended")

        yield order, process.pid
        stdin.close()
        process.wait()


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _process_s(process_id: int) -> float:
    """Processor time of a process that runs; only Linux says, elsewhere it is 0."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _timed(question: Callable[[str, list[str]], object], path: str, names: list[str]) -> float:
    started = time.thread_time()
    question(path, names)
    return (time.thread_time() - started) * 1000
