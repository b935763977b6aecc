"""What a refactor will take, before it is asked for.

Invariant: no model is asked. Figures are for one answer without corrections; what is not known is None, not a guess.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from turnout.act.context import Context
from turnout.act.seams import Outlook
from turnout.core.documents import Snapshot
from turnout.core.edits.formats import sizes_of
from turnout.core.edits.plans import PlannedStep
from turnout.core.receipts import SentFile

_BYTES_PER_TOKEN = 3.5
_INSTRUCTION_TOKENS = 600
_NEW_FILE_TOKENS = 600
_EDITED_SHARE = 0.3
"""How much of a file the blocks that edit it come to, quotes and new lines together."""
_LEAST_EDIT_TOKENS = 80


@dataclass(frozen=True, slots=True)
class Estimate:
    """Which model would be asked, and what that comes to.

    `model` is None where no model may be asked, and `why_none` says why. `cost_usd` is None for an unknown price,
    `seconds` for a model whose speed was never measured here. `files` are those whose text it would be sent.
    """

    model: str | None
    leaves_machine: bool
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    seconds: float | None
    files: tuple[SentFile, ...]
    why_none: str = ""


async def estimate(context: Context, steps: Collection[PlannedStep] | None, outlook: Outlook) -> Estimate:
    """What a refactor of `context` takes; `steps` are what is planned, None where every file may change."""
    files, whys = context.scope.files, context.scope.whys
    beside = tuple(piece.sent for piece in context.pieces)
    sent = (*(SentFile(file.uri, _size(file), whys.get(path, "")) for path, file in files.items()), *beside)
    sent += context.sources
    tokens = round(sum(file.bytes for file in sent) / _BYTES_PER_TOKEN)
    await outlook.ready("refactor", tuple(file.uri for file in sent))
    route = outlook.route("refactor", tuple(file.uri for file in sent), tokens)
    if not route.candidates:
        why = "; ".join(f"{out.model}: {out.reason}" for out in route.eliminated)
        return Estimate(None, False, tokens, 0, None, None, sent, why or "Its route names no model.")
    model = route.candidates[0]
    alone = context.formats.choose(model, sizes_of(files.values())).alone
    tokens_in, tokens_out = _tokens(files, steps, alone=alone)
    tokens_in += round(sum(file.bytes for file in beside) / _BYTES_PER_TOKEN)
    pace = await asyncio.to_thread(outlook.ms_per_token, model)
    return Estimate(
        model=model.name,
        leaves_machine=model.leaves_machine,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost_usd=model.cost_usd(tokens_in, tokens_out),
        seconds=None if pace is None else tokens_out * pace / 1000,
        files=sent,
    )


def _tokens(
    files: Mapping[str, Snapshot], steps: Collection[PlannedStep] | None, *, alone: bool
) -> tuple[int, int]:
    """Tokens of all prompts and of all answers; `alone` where each file is written out as a whole."""
    sizes = {path: _size(file) / _BYTES_PER_TOKEN for path, file in files.items()}
    if alone:
        return round(sum(sizes.values()) + len(files) * _INSTRUCTION_TOKENS), round(sum(sizes.values()))
    new = sum(_NEW_FILE_TOKENS for step in steps or () if step.kind == "create")
    gone = {step.path for step in steps or () if step.kind == "delete"}
    stays = {step.path for step in steps} if steps is not None else set(sizes)
    edited = (size for path, size in sizes.items() if path in stays and path not in gone)
    answer = new + sum(max(_LEAST_EDIT_TOKENS, size * _EDITED_SHARE) for size in edited)
    return round(sum(sizes.values()) + _INSTRUCTION_TOKENS), round(answer)


def _size(file: Snapshot) -> int:
    return len(file.text.encode("utf-8", "replace"))
