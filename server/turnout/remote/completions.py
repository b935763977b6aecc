"""Raw completions as vLLM, SGLang, TabbyAPI, llama-server, Ollama and LM Studio speak them: text in, text out.

The fill-in-the-middle tokens are ours: vLLM refuses `suffix`, TabbyAPI takes no notice of it.
Servers that can be told how an answer has to begin are told, each in its own words; the others are checked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from turnout.core.fim.layout import healing_grammar
from turnout.core.models import Model, Server
from turnout.core.policy import is_served_here
from turnout.remote.choices import ChoiceInterpreter
from turnout.remote.fill import LaidOut
from turnout.remote.format import Format

MAX_STOP = 4
"""Stop sequences that every server takes; the others end the answer here."""

_SLOT = 0
"""Of a llama-server on this machine, whose user types at one place at a time. Left to itself it takes an empty slot
while it has not noticed yet that the request before was given up, and reads the whole prompt there once more."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one server program is told how an answer has to begin, and what else it needs to hear."""

    begin: Callable[[str], Mapping[str, object]] = lambda _forced: {}
    always: Mapping[str, object] = field(default_factory=dict)


def _expression(forced: str) -> str:
    """A regular expression of all texts that begin with `forced`, which is blanks and a word."""
    return f"{forced}(.|\\n)*"


# Left to themselves these servers drop special tokens from the text, and with them the sign that the answer is over.
_SHOWN = {"skip_special_tokens": False}

DIALECTS: Mapping[Server | None, Dialect] = {
    "llama-server": Dialect(lambda forced: {"grammar": healing_grammar(forced)}),
    "vllm": Dialect(
        lambda forced: {"structured_outputs": {"regex": _expression(forced)}},
        {**_SHOWN, "spaces_between_special_tokens": False},
    ),
    "sglang": Dialect(lambda forced: {"regex": _expression(forced)}, _SHOWN),
    "tabbyapi": Dialect(lambda forced: {"regex_pattern": _expression(forced)}, _SHOWN),
    None: Dialect(),
}
"""Dialects by the program that answers; None is any other."""


def body(model: Model, laid_out: LaidOut, host: str) -> dict[str, object]:
    """The request for one streamed answer."""
    dialect = DIALECTS.get(model.server, DIALECTS[None])
    request: dict[str, object] = {
        "model": model.model,
        "prompt": laid_out.text,
        "max_tokens": laid_out.max_tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
        "stop": list(laid_out.stop[:MAX_STOP]),
        **dialect.always,
    }
    if laid_out.forced:
        request |= dialect.begin(laid_out.forced)
    if is_served_here(model):
        request |= {"id_slot": _SLOT, "timings_per_token": True}  # an answer may be cut before its last chunk
    return request


FORMAT = Format(
    base_url="",
    path="/v1/completions",
    key_header="authorization",
    key_prefix="Bearer ",
    body=body,
    interpreter=ChoiceInterpreter,
)
