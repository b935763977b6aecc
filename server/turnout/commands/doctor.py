"""`turnout doctor`: what works, what does not, and what to do about it.

Findings go to stdout and what is being waited for to stderr; the exit status is 1 where there is a problem.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout.doctor import Finding

_INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `doctor`."""
    parser = subparsers.add_parser(
        "doctor",
        help="check the installation, the models and their speed, and say what to do",
        description="Checks everything that Turnout needs. Starts the model process and times one request.",
    )
    parser.add_argument(
        "path", nargs="?", type=Path, metavar="PATH", help="workspace (default: around this folder)"
    )
    parser.add_argument(
        "--gpu", action="store_true", help="also import torch and ask the graphics card, which is slow"
    )
    parser.add_argument("--verify", action="store_true", help="hash every model file again")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Examine everything and print it."""
    from turnout.doctor import report

    try:
        findings = _findings(args)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return _INTERRUPTED
    print(report.as_json(findings) if args.json else report.text(findings, colour=sys.stdout.isatty()))
    return 0 if report.is_well(findings) else 1


def _findings(args: argparse.Namespace) -> "list[Finding]":
    from turnout import automatic, doctor
    from turnout.commands.settings import load_for
    from turnout.settings.trust import is_trusted
    from turnout.settings.workspace import find_workspace

    progress = _Progress()
    progress.say("looking at this machine")
    folder = find_workspace(Path()) if args.path is None else args.path.resolve()
    case = doctor.Case(
        folder=folder,
        machine=automatic.machine(),
        loaded=load_for(folder, automatic.model_name),
        trusted=is_trusted(folder),
        gpu=args.gpu,
        verify=args.verify,
        say=progress.say,
    )
    findings = list(doctor.examine(case))
    progress.clear()
    return findings


class _Progress:
    """One line on a terminal that is replaced by the next; on a log nothing."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Say what is being waited for."""
        if self._shown:
            sys.stderr.write(f"\r\x1b[K{text} ...")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
