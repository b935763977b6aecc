"""llama.cpp through xllamacpp: the engine of every machine.

One slot and a cache in RAM serve all documents: a switch re-evaluates one token. A request that has to make
room (a chat, when somebody types) is interrupted and later continues after what it had produced, which costs
one token as well. Measured against a second slot that goes on beside it (2 cores, default model): first token
of a typed line 90 ms instead of 175-207 ms while a chat generates, and one 64-token batch instead of sharing
every step with 64 tokens while a chat is still being read.

Invariant: text of a prompt never becomes a special token (see `layout.inert`).
"""

import contextlib
import http.client
import json
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout import machine
from turnout.core.fim.families import Recognize, recognize
from turnout.core.fim.layout import Window, healing_grammar
from turnout.worker.engines import gguf
from turnout.worker.engines.base import Ending, EngineError, Sink, Work
from turnout.worker.engines.healing import Healer
from turnout.worker.parts import Layouts, through_template, tokens_and_text

BATCH_TOKENS = 64
"""Small, because a cancel lands between batches: 64 keeps 93 % of the prefill speed of 512 on a CPU."""

GPU_BATCH_TOKENS = 512

_LARGEST_CACHE_MIB = 256
_CACHE_SHARE = 64
"""One part in so many of the machine's memory: 64 MiB of 4 GiB, and all of it from 16 GiB on."""

_OVERHEAD_BYTES = 120_000_000
"""What the process takes beside weights and context: Python, the tokenizer, buffers (default model, measured)."""

_USEFUL_CONTEXT_TOKENS = 1024
"""With less than this a lower context is no advice: hardly a screen of text fits."""

_WINDOW = Window()

Prompt = list[int | str]


@dataclass(frozen=True, slots=True)
class Device:
    """Something that llama.cpp can compute on."""

    name: str
    description: str
    gpu: bool
    memory_bytes: int
    free_bytes: int


def devices() -> tuple[Device, ...]:
    """What the installed build of llama.cpp can compute on; loads no model. Raises ImportError without xllamacpp."""
    import xllamacpp

    kinds = xllamacpp.ggml_backend_dev_type
    gpus = (kinds.GGML_BACKEND_DEVICE_TYPE_GPU, kinds.GGML_BACKEND_DEVICE_TYPE_IGPU)
    return tuple(
        Device(
            str(found["name"]),
            str(found["description"]),
            found["type"] in gpus,
            int(found["memory_total"]),
            int(found["memory_free"]),
        )
        for found in xllamacpp.get_device_info()
    )


class LlamaEngine:
    """One GGUF model."""

    def __init__(
        self,
        path: Path,
        model: str,
        context_tokens: int,
        side_socket: Path | None,
        window: Window = _WINDOW,
        recognize: Recognize = recognize,
    ) -> None:
        """`side_socket` (ending in `.sock`) is where llama.cpp's own HTTP listener goes; None: loopback TCP.

        `recognize` finds the family of a model, and with it the layout of its prompts.
        """
        self._path = path
        self._model = model
        self._context_tokens = context_tokens
        self._window = window
        self._recognize = recognize
        self._special: dict[str, int] = {}
        self._layouts = Layouts(model, None)
        self._side_socket = side_socket
        self._side: _SideDoor | None = None
        self._server: Any = None

    def load(self) -> None:
        """Load the file, and find out which tokens describe a hole to it."""
        header = gguf.read(self._path)
        self._special = dict(header.special)
        found = self._recognize(self._model, self._special.get)
        self._layouts = Layouts(self._model, found[0] if found else None)
        import xllamacpp

        gpu = any(device.gpu for device in devices())
        if not gpu:
            _check_memory(self._path, header, self._context_tokens)
        key = secrets.token_hex(16)
        params = _params(xllamacpp, self._path, self._context_tokens, key, gpu=gpu)
        if self._side_socket is not None:
            self._side_socket.unlink(missing_ok=True)  # a worker that was killed leaves it behind
            params.hostnames = [str(self._side_socket)]
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as exc:
            self.close()
            raise EngineError(_unloadable(self._path, header)) from exc
        self._side = _SideDoor(self._server.listening_address, key)

    def run(self, work: Work, sink: Sink) -> Ending:
        """Run `work`; a hole with more text than the context holds is tried once more with half the window."""
        try:
            if work.chat:
                return self._stream(self._chat_prompt(work), work, Healer("", work, sink))
            window = work.window or self._window
            try:
                return self._fill(work, sink, window)
            except _TooLongError:
                return self._fill(work, sink, window.halved())
        except _TooLongError as exc:
            raise EngineError(
                f"The prompt does not fit the context of {self._context_tokens} tokens that {self._model} has here. "
                "Ask for less at a time, or raise models.NAME.context_tokens."
            ) from exc

    def close(self) -> None:
        """Unload the model and close its side door."""
        self._server = None
        if self._side_socket is not None:
            self._side_socket.unlink(missing_ok=True)

    def _fill(self, work: Work, sink: Sink, window: Window) -> Ending:
        layout = self._layouts.render(work, window)
        prompt = tokens_and_text(layout.pieces, self._special)
        if work.already:
            prompt += self._plain(layout.forced + work.already)
        forced = "" if work.already else layout.forced
        return self._stream(prompt, work, Healer(forced, work, sink), _line_end(work))

    def _plain(self, text: str) -> Prompt:
        return tokens_and_text([text], self._special)

    def _chat_prompt(self, work: Work) -> Prompt:
        """The model's own template, with the messages in their places as plain text."""
        prompt: Prompt = []
        pairs, rest = through_template(self._model, work.parts, self._side_door.template)
        for literal, text in pairs:
            prompt.extend(self._side_door.tokens(literal, begin=not prompt))
            prompt.extend(self._plain(text))
        prompt.extend(self._side_door.tokens(rest))
        prompt.extend(self._plain(work.already))
        return prompt

    def _stream(self, prompt: Prompt, work: Work, healer: Healer, stop: tuple[str, ...] = ()) -> Ending:
        request: dict[str, Any] = {
            "prompt": prompt,
            "n_predict": healer.limit_tokens if work.generate else 0,
            "temperature": work.temperature,
            "stop": [*work.stop, *stop],
            "stream": True,
            "cache_prompt": True,
            "return_progress": True,
        }
        if healer.forced and work.generate:
            request["grammar"] = healing_grammar(healer.forced)
        reader = _Reader(healer, work.generate)
        self._server.handle_completions(request, reader)
        return reader.ending()

    @property
    def _side_door(self) -> "_SideDoor":
        assert self._side is not None
        return self._side


class _TooLongError(Exception):
    """The prompt has more tokens than the context."""


class _Reader:
    """The callback of one request; True ends it."""

    def __init__(self, healer: Healer, generate: bool) -> None:
        self._healer = healer
        self._generate = generate
        self._stopped = False
        self._finish: str | None = None
        self._error: dict[str, Any] | None = None

    def __call__(self, event: dict[str, Any]) -> bool:
        if "error" in event:
            self._error = event["error"]
            return True
        progress = event.get("prompt_progress")
        choice = event["choices"][0]
        going = True
        if progress is not None:
            going = self._healer.prefill(progress["cache"], progress["processed"], progress["total"])
        elif choice["finish_reason"] is None and self._generate:
            going = self._healer.token(choice["text"])
        self._finish = choice["finish_reason"] or self._finish
        self._stopped = self._stopped or not going
        return not going

    def ending(self) -> Ending:
        if self._error is not None:
            if self._error.get("type") == "exceed_context_size_error":
                raise _TooLongError
            raise EngineError(f"llama.cpp refused the request: {self._error.get('message', self._error)}")
        if self._stopped:
            return "length" if self._healer.full else "interrupted"
        if not self._generate:
            return "stop"
        if self._finish is None:
            raise EngineError("llama.cpp ended the request without a reason; the worker's log may say more.")
        return "length" if self._finish == "length" else "stop"


class _SideDoor:
    """The few questions that only the server's HTTP listener answers: tokens and the chat template.

    It listens in a directory of this user alone, and asks for a key that only this process knows.
    """

    def __init__(self, address: str, key: str) -> None:
        self._address = address
        self._key = key

    def template(self, messages: list[dict[str, str]]) -> str:
        """The model's chat template filled with `messages`, up to where the answer begins."""
        answer = self._post("/apply-template", {"messages": messages})
        return str(answer["prompt"])

    def tokens(self, text: str, *, begin: bool = False) -> list[int]:
        """The ids of a piece of template; `begin` adds what starts every prompt."""
        answer = self._post("/tokenize", {"content": text, "add_special": begin, "parse_special": True})
        return [int(token) for token in answer["tokens"]]

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        with self._connected() as connection:
            headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(body), headers)
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        if response.status != 200:
            raise EngineError(f"llama.cpp answered {path} with {answer.get('error', answer)}")
        return answer

    @contextlib.contextmanager
    def _connected(self) -> Iterator[http.client.HTTPConnection]:
        scheme, _, place = self._address.partition("://")
        if scheme == "unix":
            connection = http.client.HTTPConnection("localhost")
            connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.sock.connect(place)
        else:
            connection = http.client.HTTPConnection(place)
        try:
            yield connection
        finally:
            connection.close()


def _line_end(work: Work) -> tuple[str, ...]:
    """The newline, where it can only end the answer: llama.cpp then computes no further token.

    At the beginning of a line the answer may start with newlines of its own, which the reader of tokens sees to.
    """
    before = "".join(part["text"] for part in work.parts if part["role"] == "prefix") + work.already
    line = before.rpartition("\n")[2]
    return ("\n",) if work.shape == "line" and line.strip() else ()


def _unloadable(path: Path, header: gguf.Header) -> str:
    """Why llama.cpp did not take the file, as far as the file itself says."""
    if lacking := gguf.missing_bytes(path):
        return f"The model file {path} is cut short: at least {lacking} bytes are missing. {gguf.AGAIN}"
    return (
        f"llama.cpp cannot load {path} (architecture {header.architecture or 'unknown'}): the file is "
        "damaged, this version of llama.cpp does not know its architecture, or the free memory is too small. "
        f"{gguf.AGAIN} The worker's log says more."
    )


def _check_memory(path: Path, header: gguf.Header, context_tokens: int) -> None:
    """Say it in words before the system pushes out everything else, or ends the process that asks for too much."""
    free, bare = machine.free_bytes(), path.stat().st_size + _OVERHEAD_BYTES
    need = bare + context_tokens * header.cache_bytes
    if free is None or need <= free:
        return
    fitting = (free - bare) // header.cache_bytes if header.cache_bytes else 0
    others = "close other programs, or choose a smaller model (`turnout models recommend`)."
    raise EngineError(
        f"{path.name} needs {need / 1e9:.1f} GB of memory with a context of {context_tokens} tokens, and "
        f"{free / 1e9:.1f} GB are free. "
        + (
            f"Lower models.NAME.context_tokens to {fitting} or less, {others}"
            if fitting >= _USEFUL_CONTEXT_TOKENS
            else others.capitalize()
        )
    )


def _cache_mib() -> int:
    """What documents that are not being typed in may keep in memory, so that a switch to them costs nothing."""
    have = machine.memory_bytes()
    return (
        _LARGEST_CACHE_MIB if have is None else min(_LARGEST_CACHE_MIB, max(32, have // _CACHE_SHARE >> 20))
    )


def _params(xllamacpp: Any, path: Path, context_tokens: int, key: str, *, gpu: bool) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = context_tokens
    params.n_batch = params.n_ubatch = GPU_BATCH_TOKENS if gpu else BATCH_TOKENS
    params.n_gpu_layers = -1  # as many as fit the free memory of the devices that this build has
    params.n_parallel = 1
    params.cache_ram_mib = _cache_mib()
    params.fit_params = gpu  # it loads the file twice to find out what fits a card
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = machine.threads()
    params.warmup = False
    params.verbosity = 1
    params.ui = False
    params.n_threads_http = 1
    params.api_keys = [key]
    return params
