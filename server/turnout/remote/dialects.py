"""How servers that speak OpenAI's Chat Completions differ from one another, as data.

What a server sends is read the same way from all of them, so a dialect says only what one has to be sent.
Invariant: a server that is not known is spoken to in what all of them understand.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from turnout.core.models import Model, Server

_REASONING = ("reasoning_content", "reasoning")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one server is sent.

    `max_tokens` is its name for the limit of tokens, `usage` whether it has to be asked for the count of them.
    `stops` is how many stop sequences it takes, `hottest` the highest temperature, and `fixed` begins the names of
    models that take no temperature but their own.
    `echo` names the fields of a model's thoughts that have to come back with the tool calls they led to.
    `call_ids` is what the identifiers of calls have to look like, `seals` whether a call goes back with what came
    under `extra_content`, `must_call` whether it can be asked for a call, `tags` whether requests say what they are
    for.
    `costs` says that it documents a `cost` in its usage, in dollars, as what it charges. Of any other server such a
    field is nobody's word: the prices in the settings hold.
    """

    max_tokens: str = "max_tokens"
    usage: bool = True
    stops: int = 4
    hottest: float = 2.0
    fixed: tuple[str, ...] = ()
    echo: tuple[str, ...] = ()
    call_ids: re.Pattern[str] | None = None
    seals: bool = False
    must_call: bool = True
    tags: bool = False
    costs: bool = False

    def takes_temperature(self, model: str) -> bool:
        """Whether `model` may be told a temperature."""
        return not (model.startswith(self.fixed) or reasons(model))

    def stops_for(self, model: str) -> int:
        """How many stop sequences `model` may be told."""
        return 0 if reasons(model) else self.stops

    def call_id(self, call_id: str) -> str:
        """`call_id` where it may be sent, else one made of it that may, the same one every time."""
        if self.call_ids is None or self.call_ids.fullmatch(call_id):
            return call_id
        return hashlib.sha256(call_id.encode("utf-8", "replace")).hexdigest()[:9]


DIALECTS: Mapping[Server | None, Dialect] = {
    "openai": Dialect(max_tokens="max_completion_tokens"),
    "zai": Dialect(stops=1, hottest=1.0, echo=("reasoning_content",), must_call=False),
    # Its models of the K line fix every parameter of sampling, and answer 400 to any other.
    "moonshot": Dialect(
        max_tokens="max_completion_tokens",
        hottest=1.0,
        fixed=("kimi-",),
        echo=("reasoning_content",),
        must_call=False,
    ),
    "deepseek": Dialect(echo=("reasoning_content",), must_call=False),
    # Without the signature of its thoughts it refuses a call of its own.
    "gemini": Dialect(seals=True),
    "openrouter": Dialect(echo=("reasoning_details",), seals=True, costs=True),
    # It answers 422 to every field that it does not know, and counts tokens unasked.
    "mistral": Dialect(usage=False, hottest=1.5, call_ids=re.compile(r"[A-Za-z0-9]{9}")),
    "vllm": Dialect(echo=_REASONING),
    "sglang": Dialect(echo=_REASONING),
    "ollama": Dialect(echo=("reasoning",)),
    "tabbyapi": Dialect(),
    "llama-server": Dialect(echo=("reasoning_content",)),
    "litellm": Dialect(echo=("reasoning_content", "thinking_blocks"), seals=True, tags=True, costs=True),
    None: Dialect(),
}

HOSTS: Mapping[str, Server] = {
    "api.openai.com": "openai",
    "api.z.ai": "zai",
    "open.bigmodel.cn": "zai",
    "api.moonshot.ai": "moonshot",
    "api.moonshot.cn": "moonshot",
    "api.deepseek.com": "deepseek",
    "generativelanguage.googleapis.com": "gemini",
    "openrouter.ai": "openrouter",
    "api.mistral.ai": "mistral",
    "codestral.mistral.ai": "mistral",
}
"""Who answers at a host, for hosts that belong to one provider."""


def server_of(model: Model, host: str) -> Server | None:
    """Who answers for `model`: as its settings say, or else as its host does."""
    return model.server or HOSTS.get(host)


def dialect_of(model: Model, host: str) -> Dialect:
    """The dialect that `model` is spoken to in."""
    return DIALECTS[server_of(model, host)]


def hides_thoughts(model: str) -> bool:
    """Whether `model` is one of those that think and stream nothing of it, wherever it is served."""
    return reasons(model) or model.rpartition("/")[2].startswith("gemini-")


def reasons(model: str) -> bool:
    """Whether `model` is one of OpenAI's that take neither a temperature nor stop sequences, wherever it is served."""
    return model.rpartition("/")[2].startswith(("gpt-5", "o1", "o3", "o4"))
