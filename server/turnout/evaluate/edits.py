"""Past commits done once more: the message as the instruction, the parent as the tree, the commit as the truth.

Invariants: nothing is read but git's objects, and nothing is written; every path stands for the file of the same name
in the user's folder and for those that it was renamed to since, so that the rules for all of them decide who sees it.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import get_args

from turnout import git
from turnout.act.drafting.groups import divided
from turnout.act.estimates import Estimate, estimate
from turnout.act.gathering.context import gather_context
from turnout.act.gathering.scope import Request
from turnout.act.proposals import Proposal
from turnout.act.refactor import propose
from turnout.act.seams import Outlook, Seams
from turnout.core.answers import Answer, Asker, PromptFor
from turnout.core.commits import PastCommit
from turnout.core.documents import Snapshot, split_lines
from turnout.core.edits.changes import Transaction, file_change
from turnout.core.edits.paths import is_hidden, normalise
from turnout.core.languages import language_of
from turnout.core.models import EditStyle, Model
from turnout.core.prompts import ChatPrompt
from turnout.core.receipts import SentFile
from turnout.core.requests import Kind, Route
from turnout.errors import EditError, FileWithheld, RequestRejected
from turnout.evaluate.edit_scores import EditScore, score
from turnout.evaluate.texts import TextFolder
from turnout.files import Folder, path_to_uri

MOST_FILES, LEAST_FILES = 6, 2
MOST_LINES = 200
"""Changed lines of a commit that is replayed: larger ones are rarely one instruction."""

STYLES: tuple[EditStyle, ...] = get_args(EditStyle)

_FILE_BYTES = 200_000
_TREE_BYTES = 60_000_000
_LOOKED_AT = 500
_MESSAGE = 2_000


@dataclass(frozen=True, slots=True)
class Replay:
    """A commit to be done once more: the texts of its parent, and what it made of those that it changed."""

    commit: str
    instruction: str
    before: Mapping[str, str]
    after: Mapping[str, str | None]
    """By path; None for a file that is gone."""

    since: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The names that a path was given since, up to what is staged today."""

    rules: frozenset[str] = frozenset()
    """The settings and ignore files of the parent."""


async def replays(folder: Path, count: int) -> AsyncIterator[Replay]:
    """The last `count` small commits over several files of text, newest first."""
    found = 0
    since: dict[str, frozenset[str]] = {}
    _follow(((file.old_path, file.path) for file in (await git.staged(folder)).files), since)
    async for past in git.history(folder, _LOOKED_AT):
        if found >= count:
            return
        _follow(((change.path, change.new_path) for change in past.changes), since)
        replay = await _replay(folder, past, since)
        if replay is not None:
            found += 1
            yield replay


def _follow(renames: Iterable[tuple[str, str]], since: dict[str, frozenset[str]]) -> None:
    """Note the names that files are given by a commit, older than all that `since` knows."""
    later = {old: since.get(new, frozenset()) | {new} for old, new in renames if old and new}
    since.update({old: since.get(old, frozenset()) | names for old, names in later.items()})


async def _replay(folder: Path, past: PastCommit, since: Mapping[str, frozenset[str]]) -> Replay | None:
    if not LEAST_FILES <= len(past.changes) <= MOST_FILES or len(past.message) < 10:
        return None
    wanted = [blob for change in past.changes for blob in (change.before, change.after) if blob]
    changed = _texts(await git.blobs(folder, wanted, _TREE_BYTES))
    after: dict[str, str | None] = {}
    for change in past.changes:
        if not all(blob in changed for blob in (change.before, change.after) if blob):
            return None  # not text
        if change.new_path or change.after is None:
            after[change.path] = None
        if change.after is not None:
            after[change.new_path or change.path] = changed[change.after]
    if any(not _is_plain(path) for path in after):
        return None
    listed = await git.listing(folder, past.parent, _FILE_BYTES)
    rules = frozenset(path for path in listed if PurePosixPath(path).name in git.RULES)
    before = await _tree(folder, listed)
    replay = Replay(past.id, past.message[:_MESSAGE], before, after, dict(since), rules)
    return replay if 0 < _size(replay) <= MOST_LINES else None


async def _tree(folder: Path, listed: Mapping[str, str]) -> dict[str, str]:
    paths = {path: blob for path, blob in listed.items() if _is_plain(path)}
    texts = _texts(await git.blobs(folder, sorted(set(paths.values())), _TREE_BYTES))
    return {path: texts[blob] for path, blob in paths.items() if blob in texts}


def _texts(blobs: Mapping[str, bytes]) -> dict[str, str]:
    found = {}
    for blob, data in blobs.items():
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            found[blob] = text.removeprefix("\ufeff")
    return found


def _is_plain(path: str) -> bool:
    """Whether a path of a commit is one that a refactor could be about."""
    try:
        return normalise(path) == path and not is_hidden(path)
    except EditError:
        return False


def _size(replay: Replay) -> int:
    """Lines that the commit removed and added."""
    count = 0
    for path, after in replay.after.items():
        old, new = split_lines(replay.before.get(path, "")), split_lines(after or "")
        hunks = file_change("edit", path, path, old, new).hunks
        count += sum(len(hunk.before) + len(hunk.after) for hunk in hunks)
    return count


class Past:
    """The parent's tree, under the names that its files have in the user's folder: a `Workspace` that takes nothing."""

    def __init__(self, replay: Replay, folder: Folder, may_read: Callable[[str], bool]) -> None:
        self._texts = replay.before
        self.folder = TextFolder(replay.before)
        self._since = replay.since
        self._today = folder
        lost = (rules for rules in replay.rules if not (folder.root / rules).is_file())
        self._lawless = {PurePosixPath(rules).parent for rules in lost}
        self._may_read = may_read

    @property
    def on_disk(self) -> "Past":
        """Nobody has the past open."""
        return self

    def uri(self, path: str) -> str:
        """The URI of the file of that name in the folder of today."""
        return path_to_uri(self._today.root / normalise(path))

    def path(self, uri: str) -> str:
        """The path of such a URI."""
        return self._today.path(uri)

    def paths(self, *, hidden: bool = False) -> Iterator[str]:
        """Files of the tree that may be looked at today."""
        return (path for path in sorted(self._texts) if self.may_have(path))

    def exists(self, uri: str) -> bool:
        """Whether the tree has that file."""
        return self.path(uri) in self._texts

    def snapshot(self, uri: str) -> Snapshot | None:
        """The text in the tree. Raises FileWithheld for one that is kept from every model today."""
        path = self.path(uri)
        if path not in self._texts:
            return None
        if not self.may_have(path):
            raise FileWithheld(f"{path} is kept from every model.")
        return Snapshot(uri, language_of(path), None, tuple(split_lines(self._texts[path])))

    async def apply(self, transaction: Transaction) -> bool:
        """The past stays as it is."""
        return False

    def may_have(self, path: str) -> bool:
        """Whether the rules of today let anybody have a file, under each of its names."""
        names = (path, *self._since.get(path, ()))
        is_gone = not os.path.lexists(self._today.root / path)
        if is_gone and not self._lawless.isdisjoint(PurePosixPath(path).parents):
            return False  # it went together with the rules for it
        if any(self._today.withheld(name) is not None for name in names):
            return False
        return all(map(self._may_read, self.all_names(self.uri(path))))

    def all_names(self, uri: str) -> tuple[str, ...]:
        """The URIs of a file, by the name that it had and by those that it was given since."""
        since = self._since.get(self.path(uri), frozenset())
        return (uri, *(path_to_uri(self._today.root / name) for name in sorted(since)))


@dataclass(frozen=True, slots=True)
class Only:
    """The outlook and the asker of one model, as it is given here: every other candidate is passed over.

    Who may see a file is decided by all its names in `past`. `asked` keeps the form of each request's edits, and the
    bytes of the largest file in it.
    """

    model: Model
    outlook: Outlook
    asker: Asker
    past: Past
    asked: list[tuple[EditStyle, int]] = field(default_factory=list)

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        """The route with that model alone, if it may be asked."""
        found = self.outlook.route(kind, self._names(uris), input_tokens)
        return replace(
            found, candidates=tuple(self.model for m in found.candidates if m.name == self.model.name)
        )

    async def ready(self, kind: Kind, uris: tuple[str, ...]) -> None:
        """Look at the files of today."""
        await self.outlook.ready(kind, self._names(uris))

    async def readers(self, kind: Kind, uris: Sequence[str]) -> tuple[frozenset[Model], ...]:
        """That model alone, where it may have a file by all of its names."""
        found = []
        for uri in uris:
            by_name = await self.outlook.readers(kind, self.past.all_names(uri))
            allowed = frozenset.intersection(*by_name)
            found.append(frozenset(self.model for model in allowed if model.name == self.model.name))
        return tuple(found)

    def ms_per_token(self, model: Model) -> float | None:
        """As it was measured."""
        return self.outlook.ms_per_token(model)

    def _names(self, uris: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for uri in uris for name in self.past.all_names(uri)))

    async def ask(
        self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
    ) -> Answer:
        """Ask that model. Raises TurnoutError where it may not be asked or does not answer."""

        def render(model: Model) -> ChatPrompt:
            if model.name != self.model.name:
                raise RequestRejected(f"{model.name} is not the one that is measured.")
            rendered = prompt(self.model)
            for style in (style for style in STYLES if rendered.edits.startswith(f"{style}: ")):
                self.asked.append((style, max((file.bytes for file in files), default=0)))
            return rendered

        later = (
            SentFile(name, 0, "its name today")
            for file in files
            for name in self.past.all_names(file.uri)[1:]
        )
        answer = await self.asker.ask(kind, render, (*files, *later), on_text)
        return replace(answer, model=self.model)


async def expected(replay: Replay, seams: Seams) -> Estimate:
    """What doing a commit once more will take. Raises FileUnusable where no file of it can be found."""
    assert seams.outlook is not None
    request = Request(replay.instruction)
    context = await gather_context(request, seams)
    division = await divided(request, context, seams.outlook)
    return await estimate(context, None, seams.outlook, seams.history, division)


async def done_again(replay: Replay, seams: Seams) -> tuple[EditScore, Proposal]:
    """Do a commit once more, and hold the outcome against it. Raises TurnoutError where there is none."""
    proposal = await propose(Request(replay.instruction), seams)
    checks = await seams.check(proposal.changes) if seams.check else ()
    return score(replay.before, replay.after, proposal, checks), proposal
