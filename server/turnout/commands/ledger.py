"""`turnout ledger`: what requests came to, by kind, model, provider, workspace, branch, day or environment."""

import argparse
import csv
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from turnout.core.limits import dollars
from turnout.errors import SettingsError

if TYPE_CHECKING:
    from turnout.store import Line

BYS = ("kind", "model", "provider", "workspace", "branch", "day", "environment")
"""As in `store.BYS`, which is imported only when it is needed."""

_SPANS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}

_HEADINGS = ("requests", "failed", "sent away", "tokens in", "cached", "out", "cost", "")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `ledger`."""
    parser = subparsers.add_parser("ledger", help="show what requests came to, and what they cost")
    parser.add_argument("--by", choices=BYS, default="model", metavar="NAME", help=", ".join(BYS))
    parser.add_argument(
        "--since",
        default="7d",
        metavar="WHEN",
        help="24h, 7d, 4w, today, month, or a date such as 2026-03-31 (default: 7d)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="print comma-separated values")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the sums."""
    from turnout import paths
    from turnout.store import Unreadable, lines, set_aside_usd

    path = paths.state_dir() / "ledger.sqlite"
    since = since_to_iso(args.since, datetime.now().astimezone())
    try:
        found, aside_usd = lines(path, args.by, since), set_aside_usd(path)
        # A request that went to two models elsewhere left this machine once.
        left = sum(line.left_machine for line in lines(path, "kind", since))
    except Unreadable as error:
        sys.stderr.write(f"turnout: the ledger at {path} cannot be read: {error}\n")
        return 1
    if args.json:
        rows = [asdict(line) for line in found]
        print(json.dumps({"by": args.by, "since": since, "rows": rows, "set_aside_usd": aside_usd}, indent=2))
    elif args.csv:
        _print_csv(args.by, found)
    else:
        print("\n".join(table(args.by, since, found, aside_usd, left)))
    return 0


def since_to_iso(text: str, now: datetime) -> str:
    """The local time or day that `text` stands for; raises SettingsError where it stands for none."""
    if text == "today":
        return now.date().isoformat()
    if text == "month":
        return now.date().replace(day=1).isoformat()
    if span := re.fullmatch(r"(\d{1,4})([hdw])", text):
        return (now - int(span[1]) * _SPANS[span[2]]).isoformat(timespec="milliseconds")
    try:
        return datetime.strptime(text, "%Y-%m-%d").date().isoformat()
    except ValueError:
        raise SettingsError(
            f"--since {text!r} is no time.",
            advice="Say 24h, 7d, 4w, today, month, or a date such as 2026-03-31.",
        ) from None


def table(by: str, since: str, found: "Sequence[Line]", aside_usd: float, left: int) -> list[str]:
    """The lines to print; `left` is how many requests left this machine in all."""
    if not found:
        return [f"No requests since {since}.", *_aside(aside_usd)]
    rows = [(by, *_HEADINGS), *(_cells(line, told_apart=by in ("model", "provider")) for line in found)]
    if len(found) > 1:
        rows.append(_cells(_total(found, left)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    last = len(widths) - 1
    shown = [
        "  ".join(
            cell.ljust(width) if column in (0, last) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [shown[0], "-" * max(map(len, shown)), *shown[1:], *_aside(aside_usd)]


def _cells(line: "Line", *, told_apart: bool = False) -> tuple[str, ...]:
    """One row; where models are `told_apart`, it says which of them nothing left this machine for."""
    stayed = ["on this machine"] if told_apart and not line.left_machine else []
    return (
        line.name or "(none)",
        f"{line.requests:,}" if line.requests else "",
        f"{line.failed:,}" if line.failed else "",
        f"{line.left_machine:,}" if line.left_machine else "",
        f"{line.tokens_in:,}",
        f"{line.tokens_cached:,}" if line.tokens_cached else "",
        f"{line.tokens_out:,}",
        dollars(line.cost_usd, 4),
        ", ".join([*stayed, *_notes(line)]),
    )


def _notes(line: "Line") -> list[str]:
    """What keeps the cost from being exact, and what of it went over a limit."""
    notes = []
    if line.estimated_usd > 0:
        notes.append(f"{dollars(line.estimated_usd, 4)} of it estimated")
    if line.unpriced:
        notes.append(f"{line.unpriced:,} at an unknown price")
    if line.overspent_usd > 0:
        notes.append(f"{dollars(line.overspent_usd, 4)} over a budget, as you allowed")
    if not line.requests:
        notes.append("tried before another one answered")
    return notes


def _total(found: "Sequence[Line]", left: int) -> "Line":
    """The sum."""
    from turnout.store import Line

    sums = {
        field.name: sum(getattr(line, field.name) for line in found)
        for field in fields(Line)
        if field.name != "name"
    }
    return Line("total", **{**sums, "left_machine": left})


def _aside(aside_usd: float) -> list[str]:
    return [f"{dollars(aside_usd, 4)} set aside for requests under way."] if aside_usd else []


def _print_csv(by: str, found: "Sequence[Line]") -> None:
    from turnout.store import Line

    names = [field.name for field in fields(Line)]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([by, *names[1:]])
    writer.writerows([getattr(line, name) for name in names] for line in found)
