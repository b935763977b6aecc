"""What a model hears of the checks that fail with its change.

Invariants: what a check prints may quote any file of the folder, so the whole of it is for models that may have all of
them; any other hears only of problems in files that are known to be in its request, and of those only such words as
stand in these files or as checkers use anyway. Who may have them is asked for every prompt, and again for every send.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial

from turnout.act.proposals import Check
from turnout.act.seams import Outlook, Seams, Workspace
from turnout.core.models import Model
from turnout.core.problems import Problem
from turnout.core.prompts import ChatPrompt
from turnout.errors import EditError, RequestRejected

_MOST_FILES = 5_000
"""In a larger folder, no model that leaves the machine is known to be let have every file."""
_DECIDED_AT_ONCE = 200
_SHOWN = 10
_WORD = re.compile(r"\w+")
_HIDDEN = "\N{HORIZONTAL ELLIPSIS}"
_OF_CHECKERS = frozenset(
    """
    a an and annotation any are argument arguments assert assertion assigned assignment at attribute be before
    between bool but by call callable cannot class constant could declared default defined definition does
    duplicate empty error errors expected expression failed failure field file float for found from function got
    has have import imported in incompatible indentation instead int interface invalid is it item iterable
    keyword line list local long member method missing mock module more must mutable name never new no none not
    number object of on only operand operator optional or other override parameter parameters parse possible
    possibly property redefined redefinition reference required resolve return returned returning self should
    statement str string subclass subscriptable supported symbol syntax test than that the this to token too
    tuple type types undefined unexpected union unknown unreachable unresolved unused use used value values
    variable warning when which with without wrong
    """.split()  # noqa: SIM905 - prose, read and edited as prose
)
"""Words that say nothing of any file."""
_KEPT_BACK = "The rest of its output is not shown: it may quote files that are kept from you."


@dataclass(slots=True)
class Findings:
    """The same findings for two kinds of readers; `sources` are the URIs of all files that the `whole` may quote.

    `readers` are the models off this machine that hear the whole, nobody until `asked_anew` found them; nobody does
    where `sources` is None. An answer of one that heard the whole may quote it, so no other model takes part in the
    conversation after that.
    """

    whole: str
    part: str
    sources: tuple[str, ...] | None = field(compare=False)
    readers: frozenset[Model] = field(default=frozenset(), compare=False)
    is_quoted: bool = field(default=False, compare=False)
    problems: tuple[Problem, ...] = field(default=(), compare=False)
    """Those of the `whole` whose place is known."""

    def told(self, model: Model) -> str:
        """What `model` hears. Raises RequestRejected where an answer in the conversation may quote what it may not."""
        if self.is_open_to(model):
            return self.whole
        if self.is_quoted:
            raise RequestRejected(f"Checks printed text that may be kept from {model.name}.")
        return self.part

    def answered(self, model: Model) -> None:
        """Note that `model` heard them and that what it said to them is in the conversation."""
        self.is_quoted = self.is_quoted or self.is_open_to(model)

    def is_open_to(self, model: Model) -> bool:
        """Whether `model` hears the whole."""
        return not model.leaves_machine or model in self.readers


def findings(failed: Sequence[Check], known: Mapping[str, str], sources: tuple[str, ...] | None) -> Findings:
    """What the checks in `failed` say; `known` are files, by path, that every model of the request may have."""
    words = words_of([*known, *known.values()])
    return Findings(
        "\n".join(f"{check.name}: {check.message}" for check in failed),
        "\n".join(f"{check.name}: {_part(check, known, words)}" for check in failed),
        sources,
        problems=tuple(problem for check in failed for problem in check.problems),
    )


def words_of(texts: Iterable[str]) -> frozenset[str]:
    """The words that may be heard of a problem where `texts` are."""
    return frozenset(word for text in texts for word in _WORD.findall(text))


def in_words(problem: Problem, words: Set[str]) -> str:
    """A problem in one line, with a mark for each word that is not among `words`: it may be out of any file."""

    def kept(word: re.Match[str]) -> str:
        return word[0] if word[0] in words or word[0].lower() in _OF_CHECKERS else _HIDDEN

    return problem._replace(text=_WORD.sub(kept, problem.text)).shown


async def quotable(seams: Seams) -> tuple[str, ...] | None:
    """The URIs of all files that a check may quote, hidden ones too; None where nobody can say who may have them all.

    It is for the moment before the check: a file that is ignored from then on may be quoted all the same.
    """
    return None if seams.outlook is None else await asyncio.to_thread(_uris, seams.workspace)


async def asked_anew(heard: Sequence[Findings], seams: Seams) -> None:
    """Find out who hears the whole of `heard` by the settings as they are now: models that may have all their files."""
    readers = frozenset[Model]()
    if heard and seams.outlook is not None and all(found.sources is not None for found in heard):
        readers = await _in_every_route(_sources(heard), seams.outlook)
    for found in heard:
        found.readers = readers


def vetted(
    prompt: ChatPrompt, model: Model, heard: Sequence[Findings], seams: Seams, named: Iterable[str] = ()
) -> ChatPrompt:
    """`prompt`, which tells `model` of `heard` and of the files whose URIs are `named`, sent only while it may be."""
    quoted = [found for found in heard if model.leaves_machine and found.is_open_to(model)]
    uris = tuple(dict.fromkeys((*named, *_sources(quoted))))
    return replace(prompt, may_have=partial(_may_have, uris, seams.outlook)) if uris else prompt


def _part(check: Check, known: Mapping[str, str], words: Set[str]) -> str:
    found = [problem for problem in check.problems if problem.path in known][:_SHOWN]
    shown = [in_words(problem, words) for problem in found]
    return "\n".join([*(["new problems:", *shown] if shown else ["it fails."]), _KEPT_BACK])


def _sources(heard: Iterable[Findings]) -> list[str]:
    return list(dict.fromkeys(uri for found in heard for uri in found.sources or ()))


def _uris(workspace: Workspace) -> tuple[str, ...] | None:
    """Every file that a check may read; None where they are too many, or one of them has no URI."""
    uris: list[str] = []
    for path in workspace.paths(hidden=True):
        if len(uris) == _MOST_FILES:
            return None
        try:
            uris.append(workspace.uri(path))
        except EditError:
            return None
    return tuple(uris)


async def _may_have(uris: Sequence[str], outlook: Outlook | None, model: Model) -> bool:
    """Whether the settings let `model` have every one of `uris` now."""
    for first in range(0, len(uris), _DECIDED_AT_ONCE):
        if outlook is None:
            return False
        found = await outlook.readers("refactor", uris[first : first + _DECIDED_AT_ONCE])
        if not all(model in readers for readers in found):
            return False
    return True


async def _in_every_route(uris: Sequence[str], outlook: Outlook) -> frozenset[Model]:
    readers: frozenset[Model] | None = None
    for first in range(0, len(uris), _DECIDED_AT_ONCE):
        found = await outlook.readers("refactor", uris[first : first + _DECIDED_AT_ONCE])
        here = frozenset(model for model in frozenset.intersection(*found) if model.leaves_machine)
        readers = here if readers is None else readers & here
        if not readers:
            break
    return readers or frozenset()
