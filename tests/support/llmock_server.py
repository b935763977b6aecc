"""Runs llmock, a provider that breaks streams on demand and judges how its clients take it.

Prints its base URL on one line when it is ready, and exits when its standard input ends.
"""

import sys

from llmock.testing import LLMockServer


def main() -> None:
    """Serve until standard input ends."""
    with LLMockServer() as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
