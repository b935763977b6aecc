"""Runs llmock, a provider that breaks streams on demand and judges how its clients take it.

Prints its base URL on one line when it is ready, and exits when its standard input ends.
"""

import os
import sys

from llmock.testing import LLMockServer


def main() -> None:
    """Serve until standard input ends."""
    # At a model's pace, so that a client that hangs up in the middle is seen to do so.
    os.environ["LLMOCK_STREAM_CHUNK_DELAY_MS"] = "5"
    with LLMockServer() as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
