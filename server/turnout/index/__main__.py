"""`python -m turnout.index`: the process that writes an index, started by servers."""

import sys

from turnout.index.process import run

if __name__ == "__main__":
    run(sys.argv[1:])
