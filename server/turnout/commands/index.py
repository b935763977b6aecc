"""`turnout index`: build a folder's index ahead of its editor, and see what is in it."""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout.core.repository import Definition
    from turnout.index import RepositoryIndex, Summary
    from turnout.settings import Loaded

_LOOK_EVERY_S = 0.2
_MAX_FOUND = 100

Show = Callable[[int, int], None]
"""Hears how many files are done, and of how many."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `index`."""
    parser = subparsers.add_parser(
        "index", help="build a folder's index, and see what is in it", description=__doc__
    )
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        metavar="PATH",
        help="default: the repository around the current folder",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="only say what is in it")
    what.add_argument("--rebuild", action="store_true", help="forget what is in it first")
    what.add_argument("--find", metavar="NAME", help="only list the definitions of a name")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Build and say what there is; 1 where that failed, or nothing was found."""
    from turnout.commands.settings import load_for
    from turnout.settings.workspace import find_workspace

    root = args.folder.resolve() if args.folder else find_workspace(Path())
    if not root.is_dir():
        print(f"turnout: {root} is not a folder.", file=sys.stderr)
        return 1
    loaded = load_for(root)
    if not loaded.settings.index.enabled and not args.status:
        print("turnout: the settings switch the index off (`index.enabled`).", file=sys.stderr)
        return 1
    if args.find or args.status:
        return _look(root, args.find, as_json=args.json)
    never_read = [pattern.text for pattern in loaded.policy.privacy.never_read.patterns]
    with opened(root, never_read, loaded.settings.index.max_files) as index:
        built = build(index, rebuild=args.rebuild)
        state = index.state()
        for sentence in filter(None, (state.begun_anew, state.problem)):
            print(f"turnout: {sentence}", file=sys.stderr)
        if built:
            _print_summary(root, index.summary(), as_json=args.json)
    return 0 if built else 1


def _look(root: Path, name: str | None, *, as_json: bool) -> int:
    """Say what is in the index, or only where it defines `name`; 1 where it cannot be read, or that is nowhere."""
    from turnout.index import Unusable, database_of, definitions, summary

    database = database_of(root)
    try:
        there = summary(database)
        found = definitions(database, name, _MAX_FOUND) if name and there.files else ()
    except Unusable as unusable:
        sentence = (
            f"The repository index cannot be used: {unusable}. To have it built anew, run: turnout index"
        )
        print(f"turnout: {sentence}", file=sys.stderr)
        return 1
    if not name:
        _print_summary(root, there, as_json=as_json)
        return 0
    if not there.files:
        print("turnout: there is no index yet; run: turnout index", file=sys.stderr)
    return _print_found(found, as_json=as_json)


@contextmanager
def opened(root: Path, never_read: list[str], max_files: int) -> "Iterator[RepositoryIndex]":
    from turnout.index import RepositoryIndex, Spec, database_of

    index = RepositoryIndex(Spec(root, database_of(root), never_read, max_files, niceness=0))
    try:
        yield index
    finally:
        index.close()


def build(index: "RepositoryIndex", *, rebuild: bool) -> bool:
    """Bring everything up to date, with a bar on a terminal; False where that cannot be."""
    (index.rebuild if rebuild else index.build)()
    with _shown() as show:
        while not index.wait(_LOOK_EVERY_S):
            state = index.state()
            show(state.done, state.of)
    return not index.state().problem


@asynccontextmanager
async def searchable(
    root: Path, loaded: "Loaded", say: Callable[[str], None], *, may_build: bool
) -> "AsyncIterator[RepositoryIndex | None]":
    """The index of a folder that the editors share, brought up to date; None, and `say` hears why, without one.

    Where there is none yet it is built, with a bar on a terminal, if it `may_build`.
    """
    from turnout.index import database_of

    try:
        here = await asyncio.to_thread(lambda: database_of(root).exists())
    except OSError as error:
        say(f"The index cannot be used: {error}")
        yield None
        return
    if why := _without(root, loaded, here=here or may_build):
        say(f"{why}: without an index, files are read to find what belongs together.")
        yield None
        return
    if not here:
        say(f"{root} has no index yet: it is built first, as by `turnout index`.")
    never_read = [pattern.text for pattern in loaded.policy.privacy.never_read.patterns]
    with opened(root, never_read, loaded.settings.index.max_files) as index:
        built = await asyncio.to_thread(build, index, rebuild=False)
        if not built:
            say(f"The index cannot be used: {index.state().problem}")
        if index.state().begun_anew:
            say(index.state().begun_anew)
        yield index if built else None


def _without(root: Path, loaded: "Loaded", *, here: bool) -> str:
    """Why a folder's index is not searched; empty where it is."""
    if not loaded.settings.index.enabled:
        return "The settings switch the index off (`index.enabled`)"
    if root == Path.home() or root in Path.home().parents:
        return "A home folder has no index"
    return "" if here else f"{root} has no index yet (`turnout index` builds it)"


@contextmanager
def _shown() -> Iterator[Show]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("indexing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of or None)


def _print_found(found: "tuple[Definition, ...]", *, as_json: bool) -> int:
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    for one in () if as_json else found:
        name = ".".join(filter(None, (one.container, one.name)))
        print(_on_one_line(f"{one.path}:{one.first_line + 1}: {one.kind} {name}"))
        print("\n".join(f"    {_on_one_line(line)}" for line in one.signature.splitlines()))
    return 0 if found else 1


def _on_one_line(text: str) -> str:
    """`text` from a folder, with nothing in it that would break the line or that a terminal takes for an order."""
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in text)


def _print_summary(root: Path, summary: "Summary", *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"folder": str(root), **asdict(summary)}, indent=2))
        return
    files = sum(summary.files.values())
    where = _on_one_line(str(root))
    print(f"{where}: {files:,} files, {summary.definitions:,} definitions, {summary.passages:,} passages")
    for language, count in summary.files.items():
        print(f"  {count:7,}  {language}")
    for reason, count in summary.left_out.items():
        print(f"  {count:7,}  left out: {reason}")
    if summary.plain:
        print(f"  {summary.plain:7,}  kept as text: a grammar could not read them")
    print(f"{summary.database} ({summary.bytes / 1e6:,.1f} MB)")
