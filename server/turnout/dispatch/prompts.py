"""How large a prompt is, for prices that nobody has counted yet.

Invariant: `worst_usd` is never less than what a provider that counts honestly will charge for text of source code.
"""

from turnout.core.models import Model
from turnout.core.prompts import FimPrompt, Message, Prompt

CHARACTERS_PER_TOKEN = 3.5
"""Rough average for source code; only for figures that say of themselves that they are estimates."""

_LEAST_BYTES_PER_TOKEN = 2
"""No tokenizer of the catalogue makes more tokens of source code; a prompt of nothing but digits may have more."""

_TOKENS_PER_MESSAGE = 16
"""Marks of roles and the like, which a provider counts too."""


def prompt_bytes(prompt: Prompt) -> int:
    """UTF-8 bytes of the text in a prompt."""
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in _texts(prompt))


def estimated_tokens(size: int) -> int:
    """Tokens of a prompt of `size` bytes, as they usually are."""
    return int(size / CHARACTERS_PER_TOKEN)


def worst_usd(model: Model, prompt: Prompt, size: int) -> float | None:
    """Dollars that `prompt` of `size` bytes may cost at worst; None where a price is unknown."""
    tokens = size // _LEAST_BYTES_PER_TOKEN + _TOKENS_PER_MESSAGE * (len(_texts(prompt)) + 1)
    return model.worst_usd(tokens, prompt.max_tokens)


def _texts(prompt: Prompt) -> list[str]:
    if isinstance(prompt, FimPrompt):
        return [prompt.prefix, prompt.suffix, *(chunk.text for chunk in prompt.context)]
    spoken = [text for message in prompt.messages for text in _said(message)]
    return spoken + [f"{tool.name}{tool.description}{tool.parameters}" for tool in prompt.tools]


def _said(message: Message) -> list[str]:
    """What is sent of one turn: a turn that called tools goes back with its calls and what led to them."""
    return [
        message.content,
        *(call.arguments for call in message.calls),
        *(thought.data for thought in message.thoughts),
    ]
