"""How the files of a refactor are divided among requests: all at once where they fit, else in rounds.

Invariants: a file is in one group, in the order of importance; every group and its edits fit the model that the groups
are made for, counted on the safe side; what fits nowhere is refused before anything is asked.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from turnout.act.drafting import prompts
from turnout.act.gathering.context import Context
from turnout.act.gathering.scope import MAX_BYTES, MAX_FILES, Request, focused
from turnout.act.seams import Outlook
from turnout.core.documents import Snapshot
from turnout.core.edits.formats import Formats, sizes_of
from turnout.core.models import Model
from turnout.errors import FileUnusable, RequestRejected

MOST_ROUNDS = 20
"""Of one refactor: with its plan and some repairs within the turns that one may take."""

_BYTES_PER_TOKEN = 3.5
_PIECES_SHARE = 4
"""What is shown beside the files takes at most one in so many bytes of a round."""


@dataclass(frozen=True, slots=True)
class Division:
    """The paths of each round, and the model that they were made for, None where nobody knows whom to ask.

    `alone` says that this model writes one file at a time, for which there are no rounds.
    """

    groups: tuple[tuple[str, ...], ...]
    model: Model | None = None
    alone: bool = False

    @property
    def rounds(self) -> int:
        """How many requests it takes, plan and repairs aside; 1 for a model that writes one file at a time."""
        return 1 if self.alone else len(self.groups)

    @property
    def is_many(self) -> bool:
        """Whether there is too much to show all of it at once."""
        files = sum(map(len, self.groups))
        return self.rounds > 1 or (self.alone and files > MAX_FILES)


async def divided(request: Request, context: Context, outlook: Outlook | None) -> Division:
    """The files of `context` in as few rounds as a model of the route takes them in.

    Raises FileUnusable where a file fits no model's request, or where there would be more than 20 rounds.
    """
    files = context.scope.files
    if outlook is None:
        return Division((tuple(files),))
    uris = tuple(dict.fromkeys((*(file.uri for file in files.values()), *(s.uri for s in context.sources))))
    await outlook.ready("refactor", uris)
    tokens = round(sum(sizes_of(files.values())) / _BYTES_PER_TOKEN)
    candidates = outlook.route("refactor", uris, tokens).candidates
    candidates = candidates or outlook.route("refactor", uris, 0).candidates
    return await asyncio.to_thread(_divided, request, context, candidates)


def _divided(request: Request, context: Context, candidates: Sequence[Model]) -> Division:
    files = context.scope.files
    if not (candidates and files):
        return Division((tuple(files),))
    if _writes_alone(candidates[0], files, context.formats):
        division = Division(tuple((path,) for path in files), candidates[0], alone=True)
        if division.is_many:
            _must_fit_alone(files, request, context.formats, candidates)
        return division
    for model in candidates:
        if _takes(model, files, request, context.formats):
            return Division((tuple(files),), model)
    return _in_rounds(request, context, candidates)


def _in_rounds(request: Request, context: Context, candidates: Sequence[Model]) -> Division:
    """The groups for the first of `candidates` that takes every file in some round."""
    files = context.scope.files
    for model in candidates:
        if _writes_alone(model, files, context.formats):
            continue
        groups = tuple(_groups(model, files, _room(model, request, context)))
        if len(groups) > MOST_ROUNDS:
            raise FileUnusable(
                f"{len(files)} files would take {len(groups)} rounds with {model.name}, and one refactor takes at most "
                f"{MOST_ROUNDS}.",
                advice="Name fewer files at once, or choose a model with more context for refactors.",
            )
        if groups:
            return Division(groups, model)
    raise _too_large(candidates, files, request, context)


def _must_fit_alone(
    files: Mapping[str, Snapshot], request: Request, formats: Formats, candidates: Sequence[Model]
) -> None:
    """Raises FileUnusable where no model can be asked about one of `files` alone."""
    large = [
        f"{path} ({sizes_of([file])[0]:,} bytes)"
        for path, file in files.items()
        if not any(_takes(model, {path: file}, request, formats) for model in candidates)
    ]
    if large:
        raise _too_few(candidates, ", ".join(large[:5]))


def _takes(model: Model, files: Mapping[str, Snapshot], request: Request, formats: Formats) -> bool:
    """Whether one request to `model` has room for all of `files`, or where it writes files whole, for the only one."""
    sizes = sizes_of(files.values())
    form = formats.choose(model, sizes)
    if len(files) > 1 and (form.alone or len(files) > MAX_FILES or sum(sizes) > MAX_BYTES):
        return False
    said, plan = request.instruction, request.approved.text if request.approved else ""
    path, file = next(iter(files.items()))
    with suppress(RequestRejected):
        if form.style == "blocks":
            prompts.refactor_blocks(model, said, files, focused(request, files), plan)
        else:
            prompts.refactor_whole_file(model, said, path, file, plan=plan)
        return True
    return False


def _writes_alone(model: Model, files: Mapping[str, Snapshot], formats: Formats) -> bool:
    return formats.choose(model, sizes_of(files.values())).alone


def _room(model: Model, request: Request, context: Context) -> int:
    """Bytes that the files of one round may take in a prompt for `model`."""
    approved = request.approved
    room = prompts.room_for_files(model, request.instruction, approved.text if approved else "")
    return room - min(sum(piece.sent.bytes for piece in context.pieces), max(0, room) // _PIECES_SHARE)


def _groups(model: Model, files: Mapping[str, Snapshot], room: int) -> Iterator[tuple[str, ...]]:
    """`files` in groups; none where one of them does not fit."""
    left = list(_measured(files))
    if any(not _fits([one], model, room) for one in left):
        return
    group: list[_Measured] = []
    for one in left:
        if group and not _fits([*group, one], model, room):
            yield tuple(member.path for member in group)
            group = []
        group.append(one)
    yield tuple(member.path for member in group)


@dataclass(frozen=True, slots=True)
class _Measured:
    """A file with its bytes: its own, those of a prompt that shows it, and those of the edits to expect."""

    path: str
    size: int
    shown: int
    edits: int


def _measured(files: Mapping[str, Snapshot]) -> Iterator[_Measured]:
    for (path, file), size in zip(files.items(), sizes_of(files.values()), strict=True):
        yield _Measured(path, size, prompts.shown_bytes(path, file), prompts.edits_bytes(size))


def _fits(group: Sequence[_Measured], model: Model, room: int) -> bool:
    """Whether one request takes all of `group`: a single file may be larger than what is sensible for several.

    How much of a file will be edited is a guess, which divides files and refuses none.
    """
    if sum(one.shown for one in group) > room:
        return False
    if len(group) == 1:
        return True
    small = len(group) <= MAX_FILES and sum(one.size for one in group) <= MAX_BYTES
    return small and sum(one.edits for one in group) <= prompts.reply_room(model)


def _too_large(
    candidates: Iterable[Model], files: Mapping[str, Snapshot], request: Request, context: Context
) -> FileUnusable:
    """Why there are no groups, in terms of the model that takes most."""
    model = _roomiest(candidates)
    room = _room(model, request, context)
    large = [one for one in _measured(files) if not _fits([one], model, room)]
    return _too_few(candidates, ", ".join(f"{one.path} ({one.size:,} bytes)" for one in large[:5]))


def _roomiest(candidates: Iterable[Model]) -> Model:
    return max(candidates, key=lambda one: one.context_tokens)


def _too_few(candidates: Iterable[Model], named: str) -> FileUnusable:
    model = _roomiest(candidates)
    return FileUnusable(
        f"{model.name} takes {model.context_tokens:,} tokens, which is too few for "
        f"{named or 'what is said of the files'}; nothing was asked.",
        advice="Leave out what is too large, or choose a model with more context for refactors.",
    )
