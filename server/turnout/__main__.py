"""The command line: picks a command and runs it.

Invariant: starting one command imports nothing that only another one needs; `serve` is what editors wait for.
"""

import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from turnout import __version__
from turnout.errors import TurnoutError

if TYPE_CHECKING:
    import argparse

COMMANDS = (
    "serve", "refactor", "undo", "commit-message", "models", "index", "eval", "doctor", "route", "settings", "ledger",
    "stats", "trust", "worker", "demo",
)  # fmt: skip

_EDITORS_RUN = (["serve"], ["serve", "--stdio"])
"""Read without a parser, which would take a few milliseconds of those that an editor waits."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `turnout`; returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(arguments)
    except TurnoutError as error:
        sys.stderr.write(f"turnout: {error}\n")
        return 1
    except BrokenPipeError:
        # Whoever read our result has seen enough; who read what is said beside it has not.
        is_seen = _is_unread(sys.stdout)
        # The interpreter must not fail on it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), (sys.stdout if is_seen else sys.stderr).fileno())
        return 0 if is_seen else 1
    except OSError as error:
        # A directory that cannot be made, a file that cannot be written: the system's words name it.
        sys.stderr.write(f"turnout: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _is_unread(stream: TextIO) -> bool:
    """Whether whoever read a stream is gone; yes where the system cannot tell."""
    if sys.platform == "win32":
        return True
    import select

    poll = select.poll()
    poll.register(stream.fileno(), 0)  # what is wrong with it is told unasked
    return bool(poll.poll(0))


def _run(arguments: Sequence[str]) -> int:
    if arguments in _EDITORS_RUN:
        from turnout.commands import serve

        return serve.run()
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # Work that is done does not fail over a letter that its words have and a terminal has not.
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser(arguments).parse_args(arguments)
    return int(options.run(options))


def _parser(arguments: Sequence[str]) -> "argparse.ArgumentParser":
    import argparse

    # The module of one command is enough when its name comes first, which is the rule.
    named = [arguments[0]] if arguments and arguments[0] in COMMANDS else list(COMMANDS)
    parser = argparse.ArgumentParser(prog="turnout", description="Puts each AI request on the right model.")
    parser.add_argument("--version", action="version", version=f"turnout {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in named:
        module = importlib.import_module(f"turnout.commands.{name.replace('-', '_')}")
        module.add_parser(subparsers)
    return parser


if __name__ == "__main__":
    sys.exit(main())
