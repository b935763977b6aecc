"""What a refactor will take, before it is asked for.

Invariant: no model is asked. Figures are for one answer without corrections, or for a range of turns of a model that
works with tools; what is not known is None, not a guess.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from turnout.act.drafting.groups import Division
from turnout.act.gathering.context import Context
from turnout.act.seams import Outlook
from turnout.core.documents import Snapshot
from turnout.core.edits.formats import History, sizes_of
from turnout.core.edits.plans import PlannedStep
from turnout.core.models import Model
from turnout.core.receipts import SentFile

_BYTES_PER_TOKEN = 3.5
_INSTRUCTION_TOKENS = 600
_NEW_FILE_TOKENS = 600
_EDITED_SHARE = 0.3
"""How much of a file the blocks that edit it come to, quotes and new lines together."""
_LEAST_EDIT_TOKENS = 80
_STEP_TOKENS, _OVERVIEW_TOKENS = 30, 150
"""Of one file in a plan, and in what the plan of many files is made from."""


LEAST_TURNS, MOST_TURNS = 3, 8
"""Of a model with tools that was never seen at work here: a look, a proposal and a word at the end, or some more."""

_LEAST_SEEN = 3
"""Refactors that a model worked out here, before they say how many turns it takes."""

_TURN_TOKENS_IN = 1_500
"""What a turn adds to the prompts of those after it: a call, and some 150 lines that it is answered with."""
_CALL_TOKENS = 150


class Most(NamedTuple):
    """The dearer end of an estimate."""

    turns: int
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """Which model would be asked, and what that comes to.

    `model` is None where no model may be asked, and `why_none` says why. `cost_usd` is None for an unknown price,
    `seconds` for a model whose speed was never measured here. `files` are those whose text it would be sent.
    Where a model works in turns, figures are for few of them, `turns`, and `most` are those for many.
    """

    model: str | None
    leaves_machine: bool
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    seconds: float | None
    files: tuple[SentFile, ...]
    why_none: str = ""
    turns: int = 1
    most: Most | None = None
    rounds: int = 1
    """Requests that its files are divided among, where they do not fit one."""


async def estimate(
    context: Context,
    steps: Collection[PlannedStep] | None,
    outlook: Outlook,
    history: History | None = None,
    division: Division | None = None,
) -> Estimate:
    """What a refactor of `context` takes; `steps` are what is planned, None where every file may change.

    The turns of a model with tools are those of the middle half of its last refactors in `history`; one whose
    `division` has several rounds takes no turns.
    """
    sent = _sent(context)
    uris = tuple(file.uri for file in sent)
    tokens = round(sum(file.bytes for file in sent) / _BYTES_PER_TOKEN)
    await outlook.ready("refactor", uris)
    route = outlook.route("refactor", uris, tokens)
    in_rounds = division.model if division and division.rounds > 1 else None
    if not (route.candidates or in_rounds):
        why = "; ".join(f"{out.model}: {out.reason}" for out in route.eliminated)
        return Estimate(None, False, tokens, 0, None, None, sent, why or "Its route names no model.")
    rounds = division.rounds if division and in_rounds else 1
    model = in_rounds or route.candidates[0]
    pace = await asyncio.to_thread(outlook.ms_per_token, model)
    return await _by(model, pace, context, steps, rounds, history)


async def _by(
    model: Model,
    pace: float | None,
    context: Context,
    steps: Collection[PlannedStep] | None,
    rounds: int,
    history: History | None,
) -> Estimate:
    """What it takes where `model` carries it out, at `pace` milliseconds for each token."""
    tokens_in, tokens_out = _of_model(model, context, steps, rounds)
    has_turns = model.tools and rounds == 1
    least, most = await _turns(model, history) if has_turns else (1, 1)
    few, many = (_in_turns(model, turns, tokens_in, tokens_out, pace) for turns in (least, most))
    return Estimate(
        model=model.name,
        leaves_machine=model.leaves_machine,
        tokens_in=few.tokens_in,
        tokens_out=few.tokens_out,
        cost_usd=few.cost_usd,
        seconds=few.seconds,
        files=_sent(context),
        turns=least,
        most=many if has_turns else None,
        rounds=rounds,
    )


def _sent(context: Context) -> tuple[SentFile, ...]:
    """What is sent of files."""
    files, whys = context.scope.files, context.scope.whys
    found = (SentFile(file.uri, _size(file), whys.get(path, "")) for path, file in files.items())
    return (*found, *(piece.sent for piece in context.pieces), *context.sources)


def _of_model(
    model: Model, context: Context, steps: Collection[PlannedStep] | None, rounds: int
) -> tuple[int, int]:
    """Tokens of all prompts and of all answers, were `model` asked without turns."""
    files = context.scope.files
    alone = not model.tools and context.formats.choose(model, sizes_of(files.values())).alone
    tokens_in, tokens_out = _tokens(files, steps, alone=alone)
    tokens_in += rounds * round(sum(piece.sent.bytes for piece in context.pieces) / _BYTES_PER_TOKEN)
    if rounds == 1:
        return tokens_in, tokens_out
    return _with_rounds(tokens_in, tokens_out, rounds, len(files), planned=steps is not None)


def _with_rounds(
    tokens_in: int, tokens_out: int, rounds: int, files: int, *, planned: bool
) -> tuple[int, int]:
    """Tokens with what every round says beside its files, and of the plan that is made first unless there is one."""
    said = rounds * (_INSTRUCTION_TOKENS + files * _STEP_TOKENS)
    if planned:
        return tokens_in + said, tokens_out
    return tokens_in + said + files * _OVERVIEW_TOKENS, tokens_out + files * _STEP_TOKENS


async def _turns(model: Model, history: History | None) -> tuple[int, int]:
    """The least and the most turns to expect of `model`, which has tools."""
    taken = sorted(await asyncio.to_thread(history.turns, model)) if history else []
    if len(taken) < _LEAST_SEEN:
        return LEAST_TURNS, MOST_TURNS
    return taken[len(taken) // 4], taken[-1 - len(taken) // 4]


def _in_turns(model: Model, turns: int, tokens_in: int, tokens_out: int, pace: float | None) -> Most:
    """What so many turns come to, at full price: each sends all that was said before it."""
    sent = turns * tokens_in + _TURN_TOKENS_IN * turns * (turns - 1) // 2
    written = tokens_out + _CALL_TOKENS * (turns - 1)
    seconds = None if pace is None else written * pace / 1000
    return Most(turns, sent, written, model.cost_usd(sent, written), seconds)


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
