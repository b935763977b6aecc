"""`python -m bench`: measure, print a table, and say with the exit status whether something is truly wrong."""

import argparse
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from bench import cache, decision, edits, fallback, keystroke, memory, protocol, startup
from bench.report import Row, table, to_json

_ASKED_FOR = ("index", "completions", "neovim", "llamavim", "refactor")
"""Measurements that only run when they are named: minutes to half an hour, or with an editor to install."""

_REAL_MODEL = ("model", "worker")
"""Measurements with the real model, which `--tiny` leaves out."""


def main() -> int:
    """Run the measurements that the command line names; 1 where one fails."""
    options = _parser().parse_args()
    measurements = _measurements(options)
    rows: list[Row] = []
    left_out = (*_ASKED_FOR, *_REAL_MODEL) if options.tiny else _ASKED_FOR
    for name in options.only or [name for name in measurements if name not in left_out]:
        print(f"measuring: {name} ...", file=sys.stderr, flush=True)
        rows += measurements[name]()
    if options.json:
        print(to_json(rows))
    else:
        print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}\n")
        print(table(rows))
    return _conclude(rows)


def _measurements(options: argparse.Namespace) -> dict[str, Callable[[], list[Row]]]:
    share = 0.01 if options.tiny else 1.0

    def count(full: int) -> int:
        return max(3, int(full * share))

    return {
        "startup": lambda: startup.measure(count(20)),
        "keystroke": lambda: keystroke.measure(count(2_000)),
        "cache": lambda: cache.measure(count(2_000)),
        "memory": lambda: memory.measure(count(1_000), count(100_000)),
        "protocol": lambda: protocol.measure(count(3_000)),
        "decision": lambda: decision.measure(count(20_000)),
        "fallback": lambda: fallback.measure(count(300)),
        "edits": lambda: edits.measure(tiny=options.tiny),
        "neovim": lambda: _neovim(count(400)),
        "llamavim": lambda: _llamavim(options.model),
        "model": lambda: _model(options.model),
        "completions": lambda: _completions(options),
        "worker": lambda: _worker(options.model),
        "refactor": lambda: _refactor(options.model),
        "index": lambda: _index(count(options.files)),
    }


def _neovim(count: int) -> list[Row]:
    from bench import neovim

    return neovim.measure(count)


def _llamavim(path: Path | None) -> list[Row]:
    from bench import llamavim

    try:
        return llamavim.measure(path)
    except llamavim.PeerMissing as missing:
        raise SystemExit(str(missing)) from missing


def _model(path: Path | None) -> list[Row]:
    from bench import model

    return model.measure(path)


def _completions(options: argparse.Namespace) -> list[Row]:
    from bench import completions

    return completions.measure(
        options.model,
        options.holes,
        kind=options.kind,
        seed=options.seed,
        keep=options.keep,
        copying=options.copying,
    )


def _index(files: int) -> list[Row]:
    from bench import index

    return index.measure(files)


def _refactor(path: Path | None) -> list[Row]:
    from bench import refactor

    return refactor.measure(path)


def _worker(path: Path | None) -> list[Row]:
    from bench import worker

    return worker.measure(path)


def _conclude(rows: list[Row]) -> int:
    over = [row.figure for row in rows if row.verdict == "OVER"]
    failed = [row.figure for row in rows if row.failed]
    if over:
        print(f"\nOVER the limit: {'; '.join(over)}", file=sys.stderr)
    if failed:
        print(f"FAILED, by more than a busy machine explains: {'; '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = (
        "startup",
        "keystroke",
        "cache",
        "memory",
        "protocol",
        "decision",
        "fallback",
        "edits",
        *_REAL_MODEL,
        *_ASKED_FOR,
    )
    default = f"measure these; default: all but {', '.join(_ASKED_FOR)}"
    parser.add_argument("--only", nargs="+", choices=names, help=default)
    parser.add_argument(
        "--model",
        type=Path,
        help="weights for `model`, `completions`, `worker`, `refactor` and `llamavim`; default: those downloaded",
    )
    parser.add_argument("--holes", type=int, default=100, help="for `completions`: how many to fill")
    parser.add_argument("--files", type=int, default=10_000, help="how many files `index` is built of")
    parser.add_argument("--kind", choices=("line", "block", "both"), default="line", help="for `completions`")
    parser.add_argument("--seed", type=int, default=1, help="for `completions`: which holes")
    parser.add_argument(
        "--keep", type=Path, metavar="FILE", help="for `completions`: go on where a run with this file ended"
    )
    parser.add_argument(
        "--copying", action="store_true", help="for `completions`: no model, only what stands in the prompt"
    )
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("--tiny", action="store_true", help="too few rounds to mean anything: tries the code")
    return parser


if __name__ == "__main__":
    sys.exit(main())
