"""`turnout stats`: which share of ghost text was accepted, and how much of that was kept, by language and model."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout.store.suggestions import Figures

_HEADINGS = ("language", "model", "given", "shown", "accepted", "", "turned down", "kept 30 s", "kept 5 min")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `stats`."""
    parser = subparsers.add_parser("stats", help="show which suggestions were accepted and kept")
    parser.add_argument(
        "--since",
        default="7d",
        metavar="WHEN",
        help="24h, 7d, 4w, today, month, or a date such as 2026-03-31 (default: 7d)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the figures."""
    from turnout import paths
    from turnout.commands.ledger import since_to_iso
    from turnout.store import Unreadable
    from turnout.store.suggestions import figures

    path = paths.state_dir() / "ledger.sqlite"
    since = since_to_iso(args.since, datetime.now().astimezone())
    try:
        found = figures(path, since)
    except Unreadable as error:
        sys.stderr.write(f"turnout: the ledger at {path} cannot be read: {error}\n")
        return 1
    if args.json:
        rows = [{**asdict(row), "acceptance": row.acceptance} for row in found]
        print(json.dumps({"since": since, "rows": rows}, indent=2))
    else:
        print("\n".join(table(since, found)))
    return 0


def table(since: str, found: "Sequence[Figures]") -> list[str]:
    """The lines to print."""
    if not found:
        return [f"No suggestions since {since}."]
    rows = [_HEADINGS, *(_cells(row) for row in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    shown = [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [shown[0], "-" * max(map(len, shown)), *shown[1:]]


def _cells(row: "Figures") -> tuple[str, ...]:
    return (
        row.language,
        row.model,
        f"{row.offered:,}",
        f"{row.shown:,}",
        f"{row.accepted:,}",
        _percent(row.acceptance),
        f"{row.rejected:,}",
        _percent(row.kept_30_s),
        _percent(row.kept_300_s),
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"
