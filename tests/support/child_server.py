"""Servers that tests run in a child process, so that a crash, a thread or a warning of theirs stays there.

Invariant: such a script prints its base URL when it is ready, and ends when its standard input does, so that
no server outlives the tests, however those end.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def child_server(script: str, *arguments: str) -> Iterator[str]:
    """Run `script` of this directory and give the URL that it prints."""
    # Without -P the modules beside the script would stand in front of the library's of the same name.
    command = [sys.executable, "-P", str(Path(__file__).parent / script), *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), f"{script} did not start: run {' '.join(command)}"
        try:
            yield url
        finally:
            child.stdin.close()
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()
