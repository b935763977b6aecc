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
import os
import secrets
import socket
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from turnout.core.fim.families import Family, candidates
from turnout.core.fim.layout import (
    Anchor,
    Layout,
    Special,
    Window,
    healing_grammar,
    inert,
    render,
)
from turnout.worker.engines.base import Ending, EngineError, Sink, Work
from turnout.worker.parts import hole_from_parts

BATCH_TOKENS = 64
"""Small, because a cancel lands between batches: 64 keeps 93 % of the prefill speed of 512."""

_CACHE_MIB = 256
_ANCHORS = 64
_MARK = "\ue000{}\ue001"

Prompt = list[int | str]


class LlamaEngine:
    """One GGUF model."""

    def __init__(self, path: Path, model: str, context_tokens: int, side_socket: Path | None) -> None:
        """`side_socket` (ending in `.sock`) is where llama.cpp's own HTTP listener goes; None: loopback TCP."""
        self._path = path
        self._model = model
        self._context_tokens = context_tokens
        self._family: Family | None = None
        self._ids: dict[str, int] = {}
        self._special: dict[str, bool] = {}
        self._anchors: OrderedDict[str, Anchor] = OrderedDict()
        self._side_socket = side_socket
        self._side: _SideDoor | None = None
        self._server: Any = None

    def load(self) -> None:
        """Load the file and find out which tokens describe a hole to it."""
        _check_gguf(self._path)
        import xllamacpp

        key = secrets.token_hex(16)
        params = _params(xllamacpp, self._path, self._context_tokens, key)
        if self._side_socket is not None:
            self._side_socket.unlink(missing_ok=True)  # a worker that was killed leaves it behind
            params.hostnames = [str(self._side_socket)]
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as exc:
            self.close()
            raise EngineError(
                f"llama.cpp cannot load {self._path}: damaged, of an architecture it does not know, or too "
                "large for the free memory. `turnout models verify` checks the file; the worker's log says more."
            ) from exc
        self._side = _SideDoor(self._server.listening_address, key)
        self._family = self._find_family()

    def run(self, work: Work, sink: Sink) -> Ending:
        """Run `work`; a hole with more text than the context holds is tried once more with half the window."""
        try:
            if work.chat:
                return self._stream(self._chat_prompt(work), work, _Healer("", work, sink), "")
            try:
                return self._fill(work, sink, Window())
            except _TooLongError:
                return self._fill(work, sink, Window().halved())
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
        layout = self._layout(work, window)
        forced = "" if work.already else layout.forced
        grammar = healing_grammar(forced) if forced else ""
        return self._stream(self._prompt(layout, work.already), work, _Healer(forced, work, sink), grammar)

    def _layout(self, work: Work, window: Window) -> Layout:
        if self._family is None:
            raise EngineError(
                f"{self._model} has no fill-in-the-middle tokens that Turnout knows. "
                "Choose a model for routes.inline that has them, such as qwen2.5-coder-0.5b."
            )
        layout = render(self._family, hole_from_parts(work.parts), window, self._anchors.get(work.document))
        self._anchors[work.document] = layout.anchor
        self._anchors.move_to_end(work.document)
        while len(self._anchors) > _ANCHORS:
            self._anchors.popitem(last=False)
        return layout

    def _prompt(self, layout: Layout, already: str) -> Prompt:
        prompt: Prompt = []
        for piece in layout.pieces:
            if isinstance(piece, Special):
                prompt.append(self._ids[piece.text])
            else:
                prompt.extend(inert(piece, self._is_special))
        if already:
            prompt.extend(inert(layout.forced + already, self._is_special))
        return prompt

    def _chat_prompt(self, work: Work) -> Prompt:
        """The model's own template around marks, with the messages in their places as plain text."""
        messages = [
            {"role": part["role"], "content": _MARK.format(number)} for number, part in enumerate(work.parts)
        ]
        prompt: Prompt = []
        rest = self._side_door.template(messages)
        for number, part in enumerate(work.parts):
            literal, mark, rest = rest.partition(_MARK.format(number))
            if not mark:
                raise EngineError(f"The chat template of {self._model} leaves out a {part['role']} message.")
            prompt.extend(self._side_door.tokens(literal, special=True, begin=not prompt))
            prompt.extend(inert(part["text"], self._is_special))
        prompt.extend(self._side_door.tokens(rest, special=True))
        prompt.extend(inert(work.already, self._is_special))
        return prompt

    def _stream(self, prompt: Prompt, work: Work, healer: "_Healer", grammar: str) -> Ending:
        request: dict[str, Any] = {
            "prompt": prompt,
            "n_predict": healer.limit_tokens if work.generate else 0,
            "temperature": work.temperature,
            "stop": list(work.stop),
            "stream": True,
            "cache_prompt": True,
            "return_progress": True,
        }
        if grammar and work.generate:
            request["grammar"] = grammar
        reader = _Reader(healer, work.generate)
        self._server.handle_completions(request, reader)
        return reader.ending()

    def _find_family(self) -> Family | None:
        for family in candidates(self._model):
            ids = {token: self._side_door.token_id(token) for token in family.tokens}
            if all(token_id is not None for token_id in ids.values()):
                self._ids = {token: token_id for token, token_id in ids.items() if token_id is not None}
                return family
        return None

    def _is_special(self, text: str) -> bool:
        known = self._special.get(text)
        if known is None:
            if len(self._special) > 10_000:
                self._special.clear()
            known = self._special[text] = self._side_door.token_id(text) is not None
        return known

    @property
    def _side_door(self) -> "_SideDoor":
        assert self._side is not None
        return self._side


class _Healer:
    """Takes the forced beginning off the model's answer, and counts what is left of it."""

    def __init__(self, forced: str, work: Work, sink: Sink) -> None:
        self._forced = forced
        self._left = work.max_tokens
        self._sink = sink
        self.limit_tokens = work.max_tokens + len(forced)
        self.prefill = sink.prefill

    @property
    def full(self) -> bool:
        """Whether the answer has all the tokens that were asked for."""
        return self._left == 0

    def token(self, text: str) -> bool:
        """Pass on what `text` adds at the cursor; False ends the request."""
        healed = min(len(self._forced), len(text))
        self._forced, text = self._forced[healed:], text[healed:]
        if text:
            self._left -= 1
        return self._sink.token(text) and not self.full


class _TooLongError(Exception):
    """The prompt has more tokens than the context."""


class _Reader:
    """The callback of one request; True ends it."""

    def __init__(self, healer: _Healer, generate: bool) -> None:
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

    def token_id(self, text: str) -> int | None:
        """The id of `text` where it is one special token, else None."""
        as_special = self.tokens(text, special=True)
        if len(as_special) == 1 and as_special != self.tokens(text, special=False):
            return as_special[0]
        return None

    def template(self, messages: list[dict[str, str]]) -> str:
        """The model's chat template filled with `messages`, up to where the answer begins."""
        answer = self._post("/apply-template", {"messages": messages})
        return str(answer["prompt"])

    def tokens(self, text: str, *, special: bool, begin: bool = False) -> list[int]:
        """The ids of `text`; `special` reads tokens by their names, `begin` adds what starts every prompt."""
        answer = self._post("/tokenize", {"content": text, "add_special": begin, "parse_special": special})
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


def _check_gguf(path: Path) -> None:
    """Say in clear words what llama.cpp would only log."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as exc:
        raise EngineError(f"The model file {path} cannot be read: {exc.strerror}.") from exc
    if magic != b"GGUF":
        raise EngineError(
            f"{path} is not a GGUF file. `turnout models verify` checks the models on this machine."
        )


def _params(xllamacpp: Any, path: Path, context_tokens: int, key: str) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = context_tokens
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.n_parallel = 1
    params.cache_ram_mib = _CACHE_MIB
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = max(1, _cores() - 1)
    params.warmup = False
    params.verbosity = 1
    params.ui = False
    params.n_threads_http = 1
    params.api_keys = [key]
    return params


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # a container may own fewer cores than the machine has
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
