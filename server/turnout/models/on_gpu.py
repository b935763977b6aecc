"""What the GPU engines ask of the catalogue: a directory that is here, and what else would fit a card."""

from pathlib import Path

from turnout import models

_BESIDES_BYTES = 700 << 20
"""What an engine takes of a card beside weights and cache, about."""

_SHORTEST_CONTEXT = 4096


def folder(name: str) -> Path | None:
    """The model's directory, in the first of its forms that is on this machine; None where none is.

    Checked as `models.locate` does it; raises what that raises.
    """
    entry = models.known().get(name)
    if entry is None:
        return None
    for form in entry.forms:
        if form.name != "gguf" and models.listed(entry, form).state in ("ready", "unchecked"):
            return models.locate(name, form.name)
    return None


def needs(context_tokens: int) -> tuple[tuple[str, int], ...]:
    """The models that an engine for GPUs can run, with the bytes of a card that each takes with this context."""
    found = []
    for entry in models.known().values():
        sizes = [form.bytes for form in entry.forms if form.name != "gguf"]
        if sizes:
            context = max(_SHORTEST_CONTEXT, min(context_tokens, entry.context_tokens))
            found.append((entry.name, min(sizes) + context * entry.kv_bytes_per_token + _BESIDES_BYTES))
    return tuple(found)
