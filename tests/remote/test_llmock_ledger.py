"""A whole dispatcher and its ledger against llmock: for every format and fault the outcome and the rows are right."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.dispatch_kit import FILES, NEAR, Around, Pauses, Scripted, route, says
from support.ledger_kit import DAY
from support.llmock import plan
from turnout.core.answers import Answer, Ask
from turnout.core.models import Api, Model
from turnout.core.prompts import ChatPrompt, Message, Tool
from turnout.dispatch import Dispatcher, Patience
from turnout.dispatch.prompts import prompt_bytes, worst_usd
from turnout.errors import TurnoutError
from turnout.remote import APIS, RemoteBackend
from turnout.store import Ledger, Line, last_receipts, lines, set_aside_usd

PROMPT = ChatPrompt((Message("user", "Say something of a few words."),), max_tokens=500)
TEXT = "naïve words, one after the other"
REPLY = {"type": "reply", "text": TEXT}
LONG_REPLY = {"type": "reply", "text": "word " * 300}
BASES: dict[Api, str] = {"anthropic": "/anthropic", "openai-chat": "/v1", "openai-responses": "/v1"}
TOKENS = {"openai-chat": ("prompt_tokens", "completion_tokens")}
MICRO = 1e-6

every_format = pytest.mark.parametrize("api", list(BASES))


@dataclass
class Bench:
    """One model at llmock, with a price, and a ledger under a budget."""

    path: Path
    model: Model
    sleep: Any = None
    stall_s: float = 30.0
    with_near: bool = False
    heard: list[list[str]] = field(default_factory=lambda: [[]])
    """What was said of each try."""

    async def ask(self, prompt: ChatPrompt = PROMPT, on_text: Any = None) -> Answer | TurnoutError:
        """One request to its end, on disk with all that it left behind."""
        backend, ledger = RemoteBackend(lambda _: "any", stall_timeout_s=self.stall_s), Ledger(self.path)
        models = (self.model, NEAR) if self.with_near else (self.model,)
        around = Around(route(*models, kind="explain", limits=(DAY,)))
        near: Any = Scripted({"near": says("near")})
        backends = {**dict.fromkeys(APIS, backend), "local": near}
        patience = Patience(self.sleep or Pauses().sleep, lambda: 0.5)
        dispatcher = Dispatcher(around, backends, around, ledger, purse=ledger, patience=patience)
        ask = Ask(
            "explain",
            FILES,
            lambda _model: prompt,
            on_text or (lambda text: self.heard[-1].append(text)),
            on_restart=lambda: self.heard.append([]),
        )
        try:
            return await dispatcher.run(ask)
        except TurnoutError as error:
            return error
        finally:
            await asyncio.to_thread(ledger.close)
            await backend.close()

    def row(self, by: Any = "kind") -> Line:
        """What the one request came to in the ledger, with nothing set aside any more."""
        assert set_aside_usd(self.path) == 0
        [line] = [line for line in lines(self.path, by, "") if line.requests or by == "kind"]
        return line

    def receipt(self) -> dict[str, Any]:
        """The one receipt."""
        [receipt] = last_receipts(self.path, 10)
        return receipt

    def usd(self, tokens_in: int, tokens_out: int) -> float:
        """What so many tokens cost."""
        usd = self.model.cost_usd(tokens_in, tokens_out)
        assert usd is not None
        return usd


@pytest.fixture
def bench(tmp_path: Path, llmock: str, api: Api) -> Bench:
    """A model that speaks `api`."""
    model = Model(
        "far", api, "m-1", base_url=llmock + BASES[api], key="env:KEY", leaves_machine=True, context_tokens=8192,
        jurisdiction="self-hosted", input_usd=3.0, output_usd=15.0,
    )  # fmt: skip
    return Bench(tmp_path / "ledger.sqlite", model)


async def counted(control: httpx.AsyncClient, api: Api, text: str) -> tuple[int, int]:
    """What llmock itself counts for PROMPT and `text`, asked for without a stream by nobody of ours."""
    await plan(control, {"type": "reply", "text": text})
    messages = [{"role": "user", "content": PROMPT.messages[0].content}]
    body: dict[str, object] = {"model": "m-1", "max_tokens": 500, "messages": messages}
    if api == "openai-responses":
        item = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": messages[0]["content"]}],
        }
        body = {"model": "m-1", "max_output_tokens": 500, "input": [item]}
    path = {"anthropic": "/anthropic/v1/messages", "openai-chat": "/v1/chat/completions"}.get(
        api, "/v1/responses"
    )
    headers = {"x-api-key": "any", "authorization": "Bearer any", "anthropic-version": "2023-06-01"}
    usage = (await control.post(path, json=body, headers=headers)).raise_for_status().json()["usage"]
    (await control.post("/_llmock/reset")).raise_for_status()
    sent, received = TOKENS.get(api, ("input_tokens", "output_tokens"))
    return int(usage[sent]), int(usage[received])


async def clean(control: httpx.AsyncClient, requests: int, *, left: bool = False) -> None:
    """llmock finds nothing to blame, after so many requests.

    Where it was `left` for another model it may warn that it was not asked again, from which it concludes that its
    fault was not noticed: that the other one answered is what the test itself looks at.
    """
    assert (await control.get("/_llmock/requests")).json()["count"] == requests
    found = (await control.get("/_llmock/verdict")).json()
    codes = {finding["code"] for finding in found["findings"] if finding["severity"] != "info"}
    assert found["passed"], found
    assert codes <= ({"gave_up", "malformed_chunk_ignored"} if left else set()), found


@every_format
async def test_answer(control: httpx.AsyncClient, bench: Bench, api: Api) -> None:
    """What llmock counted is what the ledger holds, to the microdollar."""
    tokens_in, tokens_out = await counted(control, api, TEXT)
    await plan(control, REPLY)
    answer = await bench.ask()
    assert isinstance(answer, Answer)
    assert answer.text == TEXT
    row = bench.row()
    assert (row.tokens_in, row.tokens_out, row.requests, row.failed) == (tokens_in, tokens_out, 1, 0)
    assert row.cost_usd == pytest.approx(bench.usd(tokens_in, tokens_out), abs=MICRO)
    assert (row.estimated_usd, bench.receipt()["estimated"], bench.receipt()["outcome"]) == (
        0,
        False,
        "answered",
    )
    await clean(control, 1)


@every_format
@pytest.mark.parametrize("kind", ["disconnect", "truncate", "malformed", "stall"])
@pytest.mark.parametrize("after", [0, 9])
async def test_a_stream_that_breaks(
    control: httpx.AsyncClient, bench: Bench, api: Api, kind: str, after: int
) -> None:
    """It is asked again, or another model is, and its cost is in the row: what was heard of it, or its worst case."""
    tokens_in, tokens_out = await counted(control, api, TEXT)
    fault = {"type": "stream_fault", "kind": kind, "after_chunks": after, "stall_seconds": 60}
    await plan(control, fault, LONG_REPLY, REPLY)
    again = kind in ("disconnect", "truncate")
    bench.with_near = not again
    bench.stall_s = 0.3 if kind == "stall" else 30.0
    answer = await bench.ask()
    assert isinstance(answer, Answer)
    assert (answer.text, answer.model.name) == ((TEXT, "far") if again else ("near", "near"))
    first, *_ = bench.heard
    broken = "".join(first) if len(bench.heard) > 1 else ""
    told_in = tokens_in if api == "anthropic" else -(-len(PROMPT.messages[0].content) // 4)
    if broken:
        cut_usd, cut_out = (
            bench.usd(told_in, max(len(first), -(-len(broken) // 4))),
            max(len(first), -(-len(broken) // 4)),
        )
    else:
        worst = worst_usd(bench.model, PROMPT, prompt_bytes(PROMPT))
        assert worst is not None
        cut_usd, cut_out = worst, 0
    row, receipt = bench.row(), bench.receipt()
    answered = bench.usd(tokens_in, tokens_out) if again else 0.0
    assert row.cost_usd == pytest.approx(cut_usd + answered, abs=MICRO)
    assert row.estimated_usd == pytest.approx(cut_usd, abs=MICRO)
    assert row.tokens_out == cut_out + (tokens_out if again else 20)
    assert (receipt["estimated"], receipt["outcome"], row.requests, row.failed) == (True, "answered", 1, 0)
    assert receipt["costUsd"] == pytest.approx(row.cost_usd)
    assert bench.row("model").name == answer.model.name
    await clean(control, 2 if again else 1, left=not again)


@every_format
@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500, 503, 529])
async def test_a_refusal(control: httpx.AsyncClient, bench: Bench, api: Api, status: int) -> None:
    """It costs nothing; a key that is refused ends the request, everything else goes on to the next model."""
    await plan(control, {"type": "fail", "status": status, "retry_after": 7, "times": 3})
    bench.with_near = True
    answer = await bench.ask()
    stops = status in (401, 403)
    assert isinstance(answer, TurnoutError) is stops
    row, receipt = bench.row(), bench.receipt()
    assert (row.cost_usd, row.estimated_usd, row.requests, row.failed) == (0, 0, 1, int(stops))
    assert (receipt["estimated"], receipt["leavesMachine"]) == (False, True)
    assert receipt["outcome"].startswith("failed: far") if stops else receipt["outcome"] == "answered"
    await clean(control, 1, left=not stops)


@every_format
async def test_a_wish_to_wait(control: httpx.AsyncClient, bench: Bench, api: Api) -> None:
    """Is granted, and the answer after it costs what it would have without."""
    tokens_in, tokens_out = await counted(control, api, TEXT)
    await plan(control, {"type": "fail", "status": 429, "retry_after": 0.2}, REPLY)
    bench.sleep = asyncio.sleep
    answer = await bench.ask()
    assert isinstance(answer, Answer)
    assert bench.row().cost_usd == pytest.approx(bench.usd(tokens_in, tokens_out), abs=MICRO)
    assert not bench.receipt()["estimated"]
    await clean(control, 2)


@every_format
@pytest.mark.parametrize("kind", ["malformed_arguments", "unknown_tool"])
async def test_a_broken_call(control: httpx.AsyncClient, bench: Bench, api: Api, kind: str) -> None:
    """It is no answer, and was paid for: by llmock's count where that came first, else by what was sent."""
    tool = Tool(
        "weather", "Tells the weather.", '{"type": "object", "properties": {"city": {"type": "string"}}}'
    )
    await plan(control, {"type": "tool_fault", "kind": kind})
    answer = await bench.ask(ChatPrompt(PROMPT.messages, 500, tools=(tool,)))
    assert isinstance(answer, TurnoutError)
    row, receipt = bench.row(), bench.receipt()
    assert (row.requests, row.failed, receipt["outcome"].startswith("failed: far")) == (1, 1, True)
    assert row.cost_usd == pytest.approx(bench.usd(row.tokens_in, row.tokens_out), abs=MICRO)
    assert row.tokens_out > 0
    assert row.estimated_usd == row.cost_usd
    await clean(control, 1)


@every_format
async def test_an_answer_that_was_enough(control: httpx.AsyncClient, bench: Bench, api: Api) -> None:
    """Its reader hangs up in the middle: the row has what came by then, as an estimate."""
    await plan(control, LONG_REPLY)
    heard: list[str] = []

    def enough(text: str) -> bool:
        heard.append(text)
        return len(heard) == 5

    answer = await bench.ask(on_text=enough)
    assert isinstance(answer, Answer)
    assert answer.text == "".join(heard)
    row = bench.row()
    assert row.tokens_out == max(len(heard), -(-len(answer.text) // 4))
    assert row.estimated_usd == pytest.approx(row.cost_usd)
    assert row.cost_usd == pytest.approx(bench.usd(row.tokens_in, row.tokens_out), abs=MICRO)


@every_format
@pytest.mark.parametrize("wait", ["delay", "slow_first_token"])
async def test_slow(control: httpx.AsyncClient, bench: Bench, api: Api, wait: str) -> None:
    """Whoever does not wait pays for the worst that may have been generated; whoever waits, for the answer."""
    tokens_in, tokens_out = await counted(control, api, TEXT)
    await plan(control, {"type": wait, "seconds": 0.1}, REPLY)
    assert isinstance(await bench.ask(), Answer)
    assert bench.row().cost_usd == pytest.approx(bench.usd(tokens_in, tokens_out), abs=MICRO)
    await plan(control, {"type": wait, "seconds": 2}, REPLY)
    bench.stall_s, bench.path = 0.3, bench.path.with_name("other.sqlite")
    assert isinstance(await bench.ask(), TurnoutError)
    row, worst = bench.row(), worst_usd(bench.model, PROMPT, prompt_bytes(PROMPT))
    assert (row.cost_usd, row.estimated_usd) == (pytest.approx(worst), pytest.approx(worst))
