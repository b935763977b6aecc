"""How near a proposal comes to the commit that its instruction is from.

Invariant: figures count what the commit did; what else a proposal does is counted apart, since it may be as good.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from turnout.act.proposals import Check, Proposal
from turnout.core.documents import split_lines
from turnout.core.edits.changes import file_change

_Hunk = tuple[str, tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class EditScore:
    """One commit: its files and those of them that were changed, others that were, hunks in all and alike.

    `whole` says that everything in the reply could be used, `parses` that no file has new syntax errors, `same` that
    every file of the commit came out as in it and no other was changed. `passes` says whether the project's checks
    find no new problem, None where none of them could tell.
    """

    files: int
    touched: int
    others: int
    hunks: int
    alike: int
    whole: bool
    parses: bool
    same: bool
    passes: bool | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """The scores of several commits; shares are of all files and hunks together, 0 where there were none.

    `passes` is the share of those that the checks could tell of, None where there are none.
    """

    commits: int
    files: float
    others: float
    hunks: float
    whole: float
    parses: float
    same: float
    passes: float | None = None


def score(
    before: Mapping[str, str],
    after: Mapping[str, str | None],
    proposal: Proposal,
    checks: Sequence[Check] = (),
) -> EditScore:
    """Hold `proposal` against the commit that turns `before` into `after` (None: the file is gone).

    `checks` are those of the project, run on it.
    """
    got: dict[str, str | None] = {}
    for change in proposal.changes:
        if change.kind in ("delete", "rename"):
            got[change.path] = None
        if change.kind != "delete":
            got[change.new_path or change.path] = "".join(change.after)
    wanted, found = _hunks(before, after), _hunks(before, got)
    return EditScore(
        files=len(after),
        touched=len(after.keys() & got.keys()),
        others=len(got.keys() - after.keys()),
        hunks=len(wanted),
        alike=len(wanted & found),
        whole=proposal.complete,
        parses=all(check.ok for check in proposal.checks if check.name.startswith("syntax ")),
        same=got == dict(after),
        passes=_passes(checks),
    )


def _passes(checks: Sequence[Check]) -> bool | None:
    told = [check.ok for check in checks if check.ran]
    return all(told) if told else None


def total(scores: Sequence[EditScore]) -> Total:
    """The scores of one model together."""
    count = len(scores)
    told = [one.passes for one in scores if one.passes is not None]
    return Total(
        commits=count,
        files=_share((one.touched for one in scores), sum(one.files for one in scores)),
        others=_share((one.others for one in scores), count),
        hunks=_share((one.alike for one in scores), sum(one.hunks for one in scores)),
        whole=_share((one.whole for one in scores), count),
        parses=_share((one.parses for one in scores), count),
        same=_share((one.same for one in scores), count),
        passes=_share(told, len(told)) if told else None,
    )


def _share(parts: Iterable[int], whole: int) -> float:
    return sum(parts) / whole if whole else 0.0


def _hunks(before: Mapping[str, str], after: Mapping[str, str | None]) -> set[_Hunk]:
    """What changes where: path, lines before and lines after, without the space at their ends."""
    found: set[_Hunk] = set()
    for path, text in after.items():
        old, new = split_lines(before.get(path, "")), split_lines(text or "")
        for hunk in file_change("edit", path, path, old, new).hunks:
            found.add((path, _plain(hunk.before), _plain(hunk.after)))
    return found


def _plain(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(line.rstrip() for line in lines)
