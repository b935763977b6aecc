"""The command line: picks a command and runs it.

Invariant: starting one command imports nothing that only another one needs; `serve` is what editors wait for.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from turnout import __version__
from turnout.errors import TurnoutError

COMMANDS = (
    "serve", "refactor", "undo", "commit-message", "models", "index", "eval", "doctor", "route", "settings", "ledger",
    "stats", "trust", "worker", "demo",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run `turnout`; returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # The module of one command is enough when its name comes first, which is the rule.
    named = [arguments[0]] if arguments and arguments[0] in COMMANDS else list(COMMANDS)
    parser = argparse.ArgumentParser(prog="turnout", description="Puts each AI request on the right model.")
    parser.add_argument("--version", action="version", version=f"turnout {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in named:
        module = importlib.import_module(f"turnout.commands.{name.replace('-', '_')}")
        module.add_parser(subparsers)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except TurnoutError as error:
        sys.stderr.write(f"turnout: {error}\n")
        return 1
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not fail on it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # A directory that cannot be made, a file that cannot be written: the system's words name it.
        sys.stderr.write(f"turnout: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
