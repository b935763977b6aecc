"""Find the files of code that mention or define given names, by an index or by reading them.

Invariant: only files that are listed are found, and what cannot be read is named with the reason.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from turnout.act.proposals import Skipped
from turnout.act.seams import Workspace
from turnout.core.repository import Repository
from turnout.errors import EditError

WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]+")
_MAX_MENTIONS = 1_000
_MAX_DEFINITIONS = 20
"""Of one name."""
_KEYWORD = r"(?:class|const|def|enum|fn|func|function|interface|let|record|struct|trait|type|var)"
"""What a name that is declared stands behind, in most languages."""

Names = dict[str, set[str]]
"""Names by the path of the file that they are found in."""


@dataclass(frozen=True, slots=True)
class Found:
    """Files of code by path: all that are `listed`, which names they mention, and which they define."""

    listed: Sequence[str]
    mentioned: Names
    defining: Names

    @property
    def ranked(self) -> list[str]:
        """Those that define a name come first, since a change without the definition is none, then the rarest names."""
        spread = Counter(name for names in self.mentioned.values() for name in names)
        scores = {path: sum(1 / spread[name] for name in names) for path, names in self.mentioned.items()}
        return sorted(scores, key=lambda path: (path not in self.defining, -scores[path], path))

    def why(self, path: str) -> str:
        """Why a file of `ranked` is taken."""
        verb, names = "mentions", self.mentioned[path]
        if path in self.defining:
            verb, names = "defines", self.defining[path]
        return f"it {verb} {', '.join(sorted(names)[:5])}"


def is_whole(repository: Repository) -> bool:
    """Whether the index can be taken at its word: half of one would leave files out without a trace."""
    state = repository.state()
    return state.files > 0 and not state.building and not state.problem


def indexed(names: Collection[str], repository: Repository, listed: Collection[str]) -> tuple[Names, Names]:
    """Which of `names` the files mention and which they define, by the index."""
    found_in: Names = {}
    defining: Names = {}
    for name in sorted(names):
        for mention in repository.mentions(name, limit=_MAX_MENTIONS):
            if mention.path in listed:
                found_in.setdefault(mention.path, set()).add(name)
        for definition in repository.definitions([name], limit=_MAX_DEFINITIONS):
            if definition.path in listed:
                found_in.setdefault(definition.path, set()).add(name)
                defining.setdefault(definition.path, set()).add(name)
    return found_in, defining


def unindexed(listed: Iterable[str], repository: Repository) -> list[str]:
    """Those of the `listed` files that the index does not have, as what git keeps although it ignores it."""
    known = frozenset(repository.files())
    return [path for path in listed if path not in known]


def read(
    names: Collection[str], listed: Iterable[str], workspace: Workspace, skipped: dict[str, Skipped]
) -> tuple[Names, Names]:
    """Which of `names` the files mention and, going by keywords, which they define; the unreadable go to `skipped`."""
    found_in: Names = {}
    defining: Names = {}
    declared = declaration_of(names)
    for path in listed if names else ():
        text = _text(path, workspace, skipped)
        likely = {name for name in names if name in text}
        if found := likely.intersection(WORD.findall(text)) if likely else set():
            found_in[path] = found
            if defined := set(declared.findall(text)):
                defining[path] = defined
    return found_in, defining


def declaration_of(names: Collection[str]) -> re.Pattern[str]:
    """What finds where one of `names` is declared, as its only group, going by keywords of most languages."""
    words = "|".join(map(re.escape, sorted(names)))
    return re.compile(rf"\b{_KEYWORD}\s+(?:\([^)\n]*\)\s*)?({words})(?![\w$])")


def _text(path: str, workspace: Workspace, skipped: dict[str, Skipped]) -> str:
    try:
        file = workspace.snapshot(workspace.uri(path))
    except EditError as exc:
        skipped[path] = Skipped(path, str(exc))
        return ""
    return file.text if file else ""
