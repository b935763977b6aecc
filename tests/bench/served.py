"""A llama-server as llama.vim's help recommends it, and the tokens that it computed by its own figures.

`llama-server -m MODEL -fa --ubatch-size 512 --batch-size 1024 --ctx-size 0 --cache-reuse 256`: flash attention is
automatic by now, the defragmentation of `-dt` is gone, and four slots in one cache are the program's default.
Invariant: a server ends with its `with` block.
"""

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.child_server import child_server
from turnout import machine

PROGRAM = "TURNOUT_BENCH_LLAMA_SERVER"
"""The environment variable with a `llama-server` to measure on; without it, it is the one out of `xllamacpp`."""

_START_S = 300.0
_QUIET_S = 120.0
"""The longest wait for a server to end what it was asked for."""

_COUNTED = ("llamacpp:prompt_tokens_total", "llamacpp:tokens_predicted_total")


@contextmanager
def served(model: Path) -> Iterator[str]:
    """Serve `model` and give the URL."""
    program = os.environ.get(PROGRAM)
    if program:
        with _program(program, model) as url:
            yield url
    else:
        with child_server("llama_server.py", str(model), json.dumps(_parameters())) as url:
            yield url


def computed(base: str) -> float:
    """Tokens that the server at `base` has computed so far, once it is quiet."""
    deadline = time.monotonic() + _QUIET_S
    while (figures := _metrics(base))["llamacpp:requests_processing"] and time.monotonic() < deadline:
        time.sleep(0.2)
    return sum(figures[name] for name in _COUNTED)


def _parameters() -> dict[str, int | bool]:
    return {
        "n_ubatch": 512, "n_batch": 1024, "n_ctx": 0, "n_cache_reuse": 256, "n_parallel": 4, "kv_unified": True,
        "n_threads": machine.threads(), "n_threads_http": -1, "warmup": True, "endpoint_metrics": True, "verbosity": 1,
    }  # fmt: skip


@contextmanager
def _program(program: str, model: Path) -> Iterator[str]:
    port = _free_port()
    command = [program, "--model", str(model), "--host", "127.0.0.1", "--port", str(port), "--metrics"]
    command += ["--ubatch-size", "512", "--batch-size", "1024", "--ctx-size", "0", "--cache-reuse", "256"]
    command += ["--parallel", "4", "--kv-unified", "--threads", str(machine.threads())]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet) as child:
        try:
            yield _ready(f"http://127.0.0.1:{port}", child)
        finally:
            child.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _ready(base: str, child: "subprocess.Popen[bytes]") -> str:
    """`base`, as soon as its model is loaded."""
    deadline = time.monotonic() + _START_S
    while child.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{base}/health", timeout=_QUIET_S):
                return base
        except OSError:  # it does not listen yet, or says that it loads
            time.sleep(0.1)
    raise RuntimeError(f"{child.args!r} does not answer.")


def _metrics(base: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{base}/metrics", timeout=_QUIET_S) as answer:
        lines = answer.read().decode().splitlines()
    return {
        name: float(value) for name, value in (line.split() for line in lines if not line.startswith("#"))
    }
