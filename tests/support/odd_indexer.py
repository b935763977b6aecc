"""The process that writes an index, with a grammar that crashes, hangs, or eats memory on files that say so."""

import os
import signal
import sys

from turnout.index.process import run
from turnout.syntax import symbols


def read(path: str, language: str, text: str) -> symbols.Symbols:
    """Do what the text says instead of reading it."""
    if "please crash" in text:
        os.kill(os.getpid(), signal.SIGSEGV)
    while "please hang" in text:
        pass
    return symbols.read(path, language, text)


if __name__ == "__main__":
    if "die at once" in os.environ.get("ODD_INDEXER", ""):
        sys.exit(3)
    run(sys.argv[1:], read)
