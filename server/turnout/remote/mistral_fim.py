"""Endpoints that take the text before and after a hole and describe it to their model themselves.

Codestral's at https://docs.mistral.ai/api/#tag/fim, whose chunks are those of a chat, and DeepSeek's at
https://api-docs.deepseek.com/guides/fim_completion, whose chunks have their text in the choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from turnout.core.models import Model
from turnout.remote.choices import ChoiceInterpreter
from turnout.remote.fill import Fill
from turnout.remote.format import Format


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where a provider differs; `usage` is whether it has to be asked for the count of tokens."""

    path: str = "/v1/fim/completions"
    usage: bool = False


DIALECTS: Mapping[str, Dialect] = {"api.deepseek.com": Dialect("/completions", usage=True)}
"""Dialects by host; every other host speaks Mistral's."""


def body(model: Model, fill: Fill, host: str) -> dict[str, object]:
    """The request for one streamed answer."""
    request: dict[str, object] = {
        "model": model.model,
        "prompt": fill.hole.prefix,
        "suffix": fill.hole.suffix,
        "max_tokens": fill.max_tokens,
        "temperature": 0,
        "stream": True,
    }
    if fill.stop:
        request["stop"] = list(fill.stop)
    if DIALECTS.get(host, Dialect()).usage:
        request["stream_options"] = {"include_usage": True}
    return request


FORMAT = Format(
    base_url="https://api.mistral.ai",
    path=Dialect().path,
    paths={host: dialect.path for host, dialect in DIALECTS.items()},
    key_header="authorization",
    key_prefix="Bearer ",
    body=body,
    interpreter=ChoiceInterpreter,
)
