"""A hub on loopback that serves one repository: its listing, and its files with ranges."""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "owner/folder"

FILES = {
    "config.json": b'{"model_type": "qwen2"}',
    "tokenizer.json": b'{"version": "1.0"}',
    "model-00001-of-00002.safetensors": b"first" * 40_000,
    "model-00002-of-00002.safetensors": b"second" * 40_000,
}
"""What a pull of the folder brings."""

BESIDE = {
    "README.md": b"# card",
    "modeling_evil.py": b"import os",
    "pytorch_model.bin": b"\x80pickle",
    "figures/plot.json": b"{}",
}
"""What such repositories hold besides, and no pull brings."""

MANIFEST = f"""
[models.boxed]
parameters = 1_000_000
layers = 2
kv_heads = 2
head_dim = 64
licence = "Odd"
terms = "not on Sundays"
family = "qwen-coder"
context_tokens = 1024
description = "a model that the manifest does not pin"
[[models.boxed.forms]]
form = "gguf"
quantization = "q4_k_m"
file = "boxed.gguf"
bytes = 1000
[[models.boxed.forms.sources]]
kind = "huggingface"
repo = "{REPO}"
[[models.boxed.forms]]
form = "gptq"
quantization = "int4"
bytes = 400_000
[[models.boxed.forms.sources]]
kind = "huggingface"
repo = "{REPO}"
revision = "branch"
"""


def git_oid(data: bytes) -> str:
    """The id that git gives a blob."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


class Repository:
    """What is in it can be changed while it is served; remembers what it was asked."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = dict(files)
        self.served: dict[str, bytes] = {}
        self.listing_changes: dict[str, Any] = {}
        self.asked: list[str] = []
        self.refuse = ""
        self.redirect = ""
        repository = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                repository.asked.append(self.path)
                repository.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def listing(self) -> dict[str, Any]:
        """As the hub lists it: files over 100 KB and GGUF in large-file storage, the others by git id."""
        siblings: list[dict[str, Any]] = []
        for name, data in self.files.items():
            sibling: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": git_oid(data)}
            if len(data) > 100_000 or name.endswith(".gguf"):
                sibling["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            siblings.append(sibling)
        return {"sha": COMMIT, "siblings": siblings, **self.listing_changes}

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        path = handler.path.partition("?")[0]
        if self.refuse and self.refuse in path:
            handler.send_error(503)
        elif self.redirect:
            handler.send_response(302)
            handler.send_header("Location", self.redirect)
            handler.end_headers()
        elif path.startswith("/api/models/"):
            self._send(handler, json.dumps(self.listing()).encode())
        else:
            name = path.removeprefix(f"/{REPO}/resolve/{COMMIT}/")
            data = self.served.get(name, self.files.get(name))
            if data is None:
                handler.send_error(404)
            else:
                self._send(handler, data)

    def _send(self, handler: http.server.BaseHTTPRequestHandler, data: bytes) -> None:
        span = handler.headers.get("Range")
        start = int(span.removeprefix("bytes=").removesuffix("-")) if span else 0
        handler.send_response(206 if span else 200)
        if span:
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        handler.wfile.write(data[start:])
        handler.close_connection = True


@contextmanager
def repository(files: dict[str, bytes] | None = None) -> Iterator[Repository]:
    """A running Repository."""
    running = Repository({**FILES, **BESIDE} if files is None else files)
    thread = threading.Thread(target=running.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield running
    finally:
        running.server.shutdown()
        thread.join()
        running.server.server_close()


def environment(tmp_path: Path, endpoint: str) -> dict[str, str]:
    """Environment of pulls from `endpoint` into `tmp_path`."""
    manifest = tmp_path / "manifest.toml"
    manifest.write_text(MANIFEST, encoding="utf-8")
    return {
        "TURNOUT_CACHE_DIR": str(tmp_path / "cache"),
        "TURNOUT_STATE_DIR": str(tmp_path / "state"),
        "TURNOUT_MANIFEST": str(manifest),
        "HF_ENDPOINT": endpoint,
        "no_proxy": "*",
    }
