"""The worker process: one model in memory, shared by every editor of the user, gone when nobody needs it.

Invariant: it ends by itself. Without clients for `--idle-s`, without a request for `--rest-s`, once its socket
file is gone and its clients too, after `unload`, or on SIGTERM; and no editor's end takes it along.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from turnout.worker import hang
from turnout.worker.engines.base import BatchEngine, Engine
from turnout.worker.life import Life
from turnout.worker.listener import Listener, listen
from turnout.worker.service import Identity, Service

log = logging.getLogger(__name__)

READY = "ready"
_CLOSE_TIMEOUT_S = 5.0
_GPU_ENGINES = ("exllamav2", "exllamav3")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a worker until it has nothing to do; the exit status is 0 also where another one is already there."""
    parser = argparse.ArgumentParser(prog="turnout worker", description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args(argv))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The worker's command line."""
    parser.add_argument("--model", required=True, help="name of the model, as status shows it")
    parser.add_argument("--path", type=Path, help="its weights: a GGUF file, or a directory for a GPU engine")
    parser.add_argument("--engine", choices=("llamacpp", *_GPU_ENGINES, "fake"), default="llamacpp")
    parser.add_argument(
        "--smaller", action="append", default=[], metavar="NAME=BYTES", help="what else would fit a GPU"
    )
    parser.add_argument("--socket", type=Path, required=True, help="where to listen")
    parser.add_argument("--transport", choices=("unix", "tcp"), default=_default_transport())
    parser.add_argument("--idle-s", type=float, default=300.0, help="leave after so long without a client")
    parser.add_argument("--rest-s", type=float, default=600.0, help="leave after so long without a request")
    parser.add_argument(
        "--hang-s", type=float, default=60.0, help="end where the engine does not stop in time"
    )
    parser.add_argument(
        "--load-hang-s", type=float, default=600.0, help="end where loading says nothing for so long"
    )
    parser.add_argument("--context", type=int, default=4096, help="tokens that the model keeps in view")
    parser.add_argument("--detach", action="store_true", help="leave the caller's session once listening")


def run(args: argparse.Namespace) -> int:
    """Run the worker that `args` (of `add_arguments`) describes."""
    if args.detach and hasattr(os, "fork") and os.fork():
        return 0  # the child is adopted by init, so that no editor has to wait for its exit status
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", force=True)
    listener = listen(args.socket, args.transport)
    if listener is None:
        log.info("another worker already listens at %s", args.socket)
        _say_ready(args.detach)
        return 0
    try:
        return asyncio.run(_serve(args, listener))
    finally:
        listener.withdraw()
        listener.socket.close()


async def _serve(args: argparse.Namespace, listener: Listener) -> int:
    loop = asyncio.get_running_loop()
    life = Life(args.idle_s, args.rest_s, listener.vanished)
    service = Service(_engine(args), Identity(args.engine, args.model), args.hang_s, listener.token)
    service.runner.on_load = hang.watch(hang.limit_s(args.load_hang_s, args.path))
    service.changed = lambda: life.reconsider(
        clients=service.clients,
        busy=service.busy,
        failed=service.runner.state == "failed",
        leaving=service.leaving or (service.retired and not service.clients),
    )
    life.on_end = service.stop_reading
    # Again after loading: llama.cpp puts its own handlers in place meanwhile.
    service.loaded = lambda: _leave_on_signals(loop, life)
    _leave_on_signals(loop, life)
    server = await _start(loop, service, listener)
    _say_ready(args.detach)
    log.info("listening at %s with %s on %s", args.socket, args.model, args.engine)
    service.changed()
    await life.over.wait()
    listener.withdraw()
    server.close()
    if not await asyncio.to_thread(service.runner.close, _CLOSE_TIMEOUT_S):
        log.error("the engine did not stop within %g s", _CLOSE_TIMEOUT_S)
        os._exit(70)
    service.close()
    log.info("left")
    return 0


async def _start(
    loop: asyncio.AbstractEventLoop, service: Service, listener: Listener
) -> asyncio.base_events.Server:
    if listener.token:
        return await loop.create_server(service.connection, sock=listener.socket)
    return await loop.create_unix_server(service.connection, sock=listener.socket)


def _leave_on_signals(loop: asyncio.AbstractEventLoop, life: Life) -> None:
    if sys.platform != "win32":
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, life.end)


def _engine(args: argparse.Namespace) -> Engine | BatchEngine:
    if args.engine == "fake":
        from turnout.worker.engines.fake import FakeEngine

        return FakeEngine.from_environment()
    if args.path is None:
        raise SystemExit(f"{args.engine} needs the model's weights: add --path")
    if args.engine in _GPU_ENGINES:
        return _gpu_engine(args)
    from turnout.worker.engines.llamacpp import LlamaEngine

    # The same directory as the worker's own socket: it is of this user alone, and a dead worker's is replaced.
    side_socket = args.socket.with_suffix(".llama.sock") if args.transport == "unix" else None
    return LlamaEngine(args.path, args.model, args.context, side_socket)


def _gpu_engine(args: argparse.Namespace) -> BatchEngine:
    from turnout.worker.engines import exllama_v2, exllama_v3
    from turnout.worker.engines.exllama import ExllamaEngine

    named = [entry.rpartition("=") for entry in args.smaller]
    smaller = tuple((name, int(needed)) for name, _, needed in named if needed.isdigit())
    library = exllama_v3 if args.engine == "exllamav3" else exllama_v2
    return ExllamaEngine(args.path, args.model, library.opener(args.context, smaller))


def _default_transport() -> Literal["unix", "tcp"]:
    return "tcp" if sys.platform == "win32" else "unix"


def _say_ready(detached: bool) -> None:
    """Tell whoever started this process that it can be reached; a detached one lets go of that pipe."""
    os.write(1, READY.encode() + b"\n")
    if detached:
        os.dup2(2, 1)
