"""Requests to fill a hole: raw completions, Mistral's and DeepSeek's endpoints, llama-server's `/infill`."""

import json
from dataclasses import replace
from typing import Any

import pytest

from support.hole_server import PROMPT, SECRET, every_api, far, pieces, run
from support.scripted_server import LAST_CHUNK, STREAM_HEAD, ScriptedServer, answer, chunked, scripted_server
from turnout.core.models import Api, Server
from turnout.core.prompts import ChatPrompt, ContextChunk, Message
from turnout.errors import KeyMissing, RequestRejected
from turnout.remote import RemoteBackend
from turnout.remote.writing import Writer


def sent(server: ScriptedServer) -> dict[str, Any]:
    """The body of the only request."""
    [request] = server.requests
    body: dict[str, Any] = json.loads(request.body)
    return body


class TestRequest:
    """What goes over the wire."""

    async def test_completions(self, backend: RemoteBackend) -> None:
        """Raw completions get one text with the family's tokens in it, and no `suffix`, which vLLM refuses."""
        async with scripted_server(pieces("completions", "    return a + b")) as server:
            outcome = await run(backend, far(f"{server.url}/v1", server="vllm"))
        assert outcome.text == " a + b"
        assert server.requests[0].line == "POST /v1/completions HTTP/1.1"
        assert server.requests[0].headers["authorization"] == f"Bearer {SECRET}"
        body = sent(server)
        assert body.pop("prompt").endswith("<|fim_middle|>def add(a, b):\n")
        assert body == {
            "model": "qwen2.5-coder-0.5b",
            "max_tokens": 7 + len("    return"),
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
            "stop": ["\n", "<|endoftext|>", "<|fim_pad|>", "<|im_end|>"],
            "structured_outputs": {"regex": "    return(.|\\n)*"},
            "skip_special_tokens": False,
            "spaces_between_special_tokens": False,
        }

    @pytest.mark.parametrize(
        ("server", "told"),
        [
            ("llama-server", {"grammar": 'root ::= " re" ( [^\\n] | "\\n" )*'}),
            ("vllm", {"structured_outputs": {"regex": " re(.|\\n)*"}}),
            ("sglang", {"regex": " re(.|\\n)*"}),
            ("tabbyapi", {"regex_pattern": " re(.|\\n)*"}),
            (None, {}),
        ],
    )
    async def test_told_how_to_begin(
        self, backend: RemoteBackend, server: Server | None, told: dict[str, object]
    ) -> None:
        """Each server is told in its own words how the answer begins, and nothing where there is nothing to heal."""
        every = {"grammar", "structured_outputs", "regex", "regex_pattern"}
        async with scripted_server(pieces("completions", " return(1)")) as running:
            model = far(f"{running.url}/v1", server=server)
            healed = await run(backend, model, replace(PROMPT, prefix="x = 1; re"))
            plain = await run(backend, model, replace(PROMPT, prefix="x = (", document="b"))
        first, second = (json.loads(request.body) for request in running.requests)
        assert (healed.text, plain.text) == ("turn(1)", " return(1)")
        assert {key: first[key] for key in every & first.keys()} == told
        assert not every & second.keys()

    @pytest.mark.parametrize(
        ("leaves_machine", "server", "slot"),
        [
            (False, "llama-server", 0),
            (True, "llama-server", None),
            (False, "vllm", None),
            (False, None, None),
        ],
    )
    async def test_slot(
        self, backend: RemoteBackend, leaves_machine: bool, server: Server | None, slot: int | None
    ) -> None:
        """A llama-server on this machine goes on where the request before was given up; a team's shares its slots."""
        async with scripted_server(pieces("completions", "    return a + b")) as running:
            model = replace(far(f"{running.url}/v1", server=server), leaves_machine=leaves_machine)
            await run(backend, model)
        assert sent(running).get("id_slot") == slot
        assert ("timings_per_token" in sent(running)) is (slot is not None)

    async def test_reading_ahead(self, backend: RemoteBackend) -> None:
        """A server reads the same prompt that a request there goes on from, and hardly writes anything."""
        async with scripted_server(pieces("completions", "    return a + b")) as server:
            house = far(f"{server.url}/v1", server="llama-server")
            await backend.warm(house, PROMPT)
            await run(backend, house)
        ahead, asked = (json.loads(request.body) for request in server.requests)
        assert asked["prompt"] == ahead["prompt"] + "    return a"
        assert ahead["max_tokens"] == 1 + len("    return")

    async def test_pace(self, backend: RemoteBackend) -> None:
        """How fast a llama-server reads is known from its own word, also where its answer is not read to the end."""
        chunks = [
            {"choices": [{"text": "    return a"}], "timings": {"prompt_n": tokens, "prompt_ms": took_ms}}
            for tokens, took_ms in ((4, 1.0), (400, 2000.0), (400, 4000.0), (100, 250.0))
        ]
        streams = [chunked(f"data: {json.dumps(chunk)}\n\n".encode()) for chunk in chunks]
        async with scripted_server(*(STREAM_HEAD + one + LAST_CHUNK for one in streams)) as server:
            house, told = far(f"{server.url}/v1", server="llama-server"), []
            for _ in chunks:
                await backend.warm(house, PROMPT)
                told.append(backend.pace(house).prefill)
        assert told == [0.0, 200.0, 150.0, 200.0]
        assert backend.pace(replace(house, name="another")).prefill == 0.0

    async def test_mistral(self, backend: RemoteBackend) -> None:
        """Mistral's endpoint gets the text before and after the cursor as they are."""
        async with scripted_server(pieces("mistral-fim", " a + b")) as server:
            outcome = await run(backend, far(server.url, "mistral-fim", "codestral-latest"))
        assert outcome.text == " a + b"
        assert server.requests[0].line == "POST /v1/fim/completions HTTP/1.1"
        assert sent(server) == {
            "model": "codestral-latest",
            "prompt": PROMPT.prefix,
            "suffix": PROMPT.suffix,
            "max_tokens": 7,
            "temperature": 0,
            "stream": True,
            "stop": ["\n"],
        }

    def test_deepseek(self) -> None:
        """DeepSeek's endpoint has its own path, and counts tokens only if asked to."""
        model = far("https://api.deepseek.com/beta", "mistral-fim", "deepseek-chat")
        written = Writer().write(model, PROMPT)
        assert written.target.url == "https://api.deepseek.com/beta/completions"
        assert written.body["stream_options"] == {"include_usage": True}
        assert (written.body["prompt"], written.body["suffix"]) == (PROMPT.prefix, PROMPT.suffix)

    async def test_infill(self, backend: RemoteBackend) -> None:
        """llama-server's endpoint gets the text around the cursor and the other files, and no token of any family."""
        prompt = replace(PROMPT, context=(ContextChunk("b.py", "B = 1\n", "test"),))
        async with scripted_server(pieces("llama-infill", " a", " + b")) as server:
            outcome = await run(backend, far(server.url, "llama-infill"), prompt)
        assert outcome.text == " a + b"
        assert server.requests[0].line == "POST /infill HTTP/1.1"
        assert sent(server) == {
            "model": "qwen2.5-coder-0.5b",
            "input_prefix": PROMPT.prefix,
            "input_suffix": PROMPT.suffix,
            "input_extra": [{"filename": "b.py", "text": "B = 1\n"}],
            "n_predict": 7,
            "temperature": 0,
            "cache_prompt": True,
            "stream": True,
            "stop": ["\n"],
        }


class TestRefusedBeforeSending:
    """What never leaves this machine."""

    @every_api
    async def test_chat(self, backend: RemoteBackend, api: Api) -> None:
        """A chat is not sent to an API that only completes."""
        async with scripted_server(pieces(api, "x")) as server:
            outcome = await run(backend, far(server.url, api), ChatPrompt((Message("user", "hello"),)))
        assert isinstance(outcome.error, RequestRejected)
        assert "only completes at the cursor" in outcome.error.message
        assert server.requests == []

    async def test_family(self, backend: RemoteBackend) -> None:
        """A model that nobody knows how to ask gets nothing, not even the text."""
        async with scripted_server(pieces("completions", "x")) as server:
            outcome = await run(backend, far(server.url, model="glm-5"))
        assert isinstance(outcome.error, RequestRejected)
        assert "`family`" in outcome.error.advice
        assert server.connections == 0

    @every_api
    async def test_key(self, api: Api) -> None:
        """A model whose key is not there is not asked without one."""
        async with scripted_server(pieces(api, "x")) as server:
            outcome = await run(RemoteBackend(lambda _: None), far(server.url, api))
        assert isinstance(outcome.error, KeyMissing)
        assert server.connections == 0

    @every_api
    async def test_clear_text(self, backend: RemoteBackend, api: Api) -> None:
        """Code goes unencrypted to no machine that the user has not called their own."""
        outcome = await run(backend, far("http://gpu-box.example:8000/v1", api))
        assert isinstance(outcome.error, RequestRejected)
        assert "unencrypted" in outcome.error.message

    @pytest.mark.parametrize("api", ["completions", "llama-infill"])
    async def test_no_public_endpoint(self, backend: RemoteBackend, api: Api) -> None:
        """An API that is only ever somebody's own server has no address to fall back on."""
        outcome = await run(backend, replace(far("", api), base_url=None))
        assert isinstance(outcome.error, RequestRejected)
        assert "`base_url`" in outcome.error.message


@every_api
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect(backend: RemoteBackend, api: Api, status: int) -> None:
    """A redirect is not followed: neither text nor key reach the host that it names."""
    async with scripted_server(pieces(api, "x")) as other:
        moved = answer(status, b"", "text/plain", f"location: {other.url}/v1/completions")
        async with scripted_server(moved) as server:
            outcome = await run(backend, far(server.url, api))
        assert isinstance(outcome.error, RequestRejected)
        assert "redirects" in outcome.error.message
        assert (len(server.requests), other.connections) == (1, 0)
