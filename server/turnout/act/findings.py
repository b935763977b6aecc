"""What a model hears of the checks that fail with its change.

Invariant: what a check prints may quote any file of the folder, so the whole of it is for models that may have all of
them; any other hears only of problems in files that are known to be in its request.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from turnout.act.proposals import Check
from turnout.act.seams import Outlook, Seams, Workspace
from turnout.core.requests import Model
from turnout.errors import EditError, RequestRejected

_MOST_FILES = 5_000
"""In a larger folder, no model that leaves the machine is known to be let have every file."""
_DECIDED_AT_ONCE = 4
_SHOWN = 10
_KEPT_BACK = "The rest of its output is not shown: it may quote files that are kept from you."


@dataclass(slots=True)
class Findings:
    """The same findings for two kinds of readers; `readers` are the models off this machine that hear the `whole`.

    An answer of one that heard the whole may quote it, so no other model takes part in the conversation after that.
    """

    whole: str
    part: str
    readers: frozenset[Model]
    is_quoted: bool = field(default=False, compare=False)

    def told(self, model: Model) -> str:
        """What `model` hears. Raises RequestRejected where an answer in the conversation may quote what it may not."""
        if self._is_open_to(model):
            return self.whole
        if self.is_quoted:
            raise RequestRejected(f"Checks printed text that may be kept from {model.name}.")
        return self.part

    def answered(self, model: Model) -> None:
        """Note that `model` heard them and that what it said to them is in the conversation."""
        self.is_quoted = self.is_quoted or self._is_open_to(model)

    def _is_open_to(self, model: Model) -> bool:
        return not model.leaves_machine or model in self.readers


def findings(failed: Sequence[Check], known: Collection[str], readers: frozenset[Model]) -> Findings:
    """What the checks in `failed` say; `known` are the paths of files that every model of the request may have."""
    return Findings(
        "\n".join(f"{check.name}: {check.message}" for check in failed),
        "\n".join(f"{check.name}: {_part(check, known)}" for check in failed),
        readers,
    )


async def readers_of_all(seams: Seams) -> frozenset[Model]:
    """The models off this machine that every rule lets have every file of the folder, hidden ones too."""
    if seams.outlook is None:
        return frozenset()
    workspace = seams.workspace
    uris = await asyncio.to_thread(_uris, workspace)
    return frozenset() if uris is None else await _in_every_route(uris, seams.outlook)


def _part(check: Check, known: Collection[str]) -> str:
    shown = [problem.shown for problem in check.problems if problem.path in known][:_SHOWN]
    return "\n".join([*(["new problems:", *shown] if shown else ["it fails."]), _KEPT_BACK])


def _uris(workspace: Workspace) -> list[str] | None:
    """Every file that a check may read; None where they are too many, or one of them has no URI."""
    uris: list[str] = []
    for path in workspace.paths(hidden=True):
        if len(uris) == _MOST_FILES:
            return None
        try:
            uris.append(workspace.uri(path))
        except EditError:
            return None
    return uris


async def _in_every_route(uris: Sequence[str], outlook: Outlook) -> frozenset[Model]:
    readers: frozenset[Model] | None = None
    for first in range(0, len(uris), _DECIDED_AT_ONCE):
        await asyncio.sleep(0)
        route = outlook.route("refactor", tuple(uris[first : first + _DECIDED_AT_ONCE]), 0)
        here = frozenset(model for model in route.candidates if model.leaves_machine)
        readers = here if readers is None else readers & here
        if not readers:
            break
    return readers or frozenset()
