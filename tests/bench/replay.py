"""Replays the commits of real repositories as flawed replies: how many are applied, and is any of them applied wrong?

python -m bench.replay --commits 200 [REPOSITORY ...]
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from support import replays
from support.replays import Change, Commit
from turnout import syntax
from turnout.core.languages import language_of

HERE = Path(__file__).parents[2]


class Flaw(NamedTuple):
    """A way in which a reply is worse than it should be; `recoverable` says whether what was meant is certain."""

    name: str
    style: str
    recoverable: str = "all"


@dataclass
class Tally:
    """What became of the replies with one flaw."""

    flaw: Flaw
    outcomes: Counter[str] = field(default_factory=Counter)
    recoverable: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def applied(self) -> float:
        """The share of replies that were applied as the commit has it, of those that could be."""
        total = sum(self.recoverable.values())
        return self.recoverable["right"] / total if total else 1.0


FLAWS = (
    Flaw("none", "blocks"),
    Flaw("blanks at ends of copied lines", "blocks"),
    Flaw("blanks at ends of all lines", "blocks", "known"),
    Flaw("moved to the margin", "blocks", "known"),
    Flaw("indented further", "blocks", "known"),
    Flaw("unchanged lines left out", "blocks", "none"),
    Flaw("wrong line numbers", "blocks"),
    Flaw("no lines around", "blocks", "none"),
    Flaw("a line written twice", "blocks", "none"),
    Flaw("CRLF", "blocks"),
    Flaw("no newline at the end", "blocks"),
    Flaw("none", "whole"),
    Flaw("blanks at ends of copied lines", "whole", "known"),
    Flaw("indented further", "whole"),
    Flaw("unchanged lines left out", "whole", "none"),
    Flaw("CRLF", "whole"),
    Flaw("no newline at the end", "whole"),
)

_SPOILS_BLANKS = (
    "blanks at ends of copied lines",
    "blanks at ends of all lines",
    "moved to the margin",
    "indented further",
)
"""Flaws that hide it where a commit changes nothing but blanks at the end of a line."""

_IN_BLOCKS = {
    "blanks at ends of copied lines": replays.blanks_at_copied_lines,
    "blanks at ends of all lines": replays.blanks_everywhere,
    "moved to the margin": replays.margin,
    "indented further": replays.indented,
    "unchanged lines left out": replays.elided,
    "no lines around": replays.bare,
    "a line written twice": replays.doubled,
}


def replay(commits: Iterator[Commit], flaws: Sequence[Flaw] = FLAWS) -> list[Tally]:
    """What becomes of every commit with every flaw."""
    tallies = [Tally(flaw) for flaw in flaws]
    for commit in commits:
        chance = random.Random(commit.sha)
        for tally in tallies:
            reply = _reply(commit, tally.flaw, chance)
            if reply is None or (tally.flaw.name in _SPOILS_BLANKS and replays.is_about_blanks(commit)):
                continue
            became = replays.outcome(commit, reply, tally.flaw.style)
            tally.outcomes[became] += 1
            if _is_recoverable(commit, tally.flaw):
                tally.recoverable[became] += 1
            if became == "wrong":
                tally.wrong.append(commit.sha)
    return tallies


def _reply(commit: Commit, flaw: Flaw, chance: random.Random) -> str | None:
    reply = _whole(commit, flaw, chance) if flaw.style == "whole" else _blocks(commit, flaw, chance)
    if reply is not None and flaw.name == "CRLF":
        return reply.replace("\n", "\r\n")
    return reply.rstrip("\n") if reply is not None and flaw.name == "no newline at the end" else reply


def _blocks(commit: Commit, flaw: Flaw, chance: random.Random) -> str:
    blocks = replays.blocks_of(commit)
    if worsen := _IN_BLOCKS.get(flaw.name):
        blocks = worsen(blocks, chance)
    if flaw.name == "wrong line numbers":
        return replays.written(
            commit,
            blocks,
            lambda path: f"### {path}:{chance.randrange(1, 9999)}" if path in commit.files else path,
        )
    return replays.written(commit, blocks)


def _whole(commit: Commit, flaw: Flaw, chance: random.Random) -> str | None:
    def worse(change: Change, text: str) -> str:
        lines = text.split("\n")
        if flaw.name == "indented further" and change.before is not None:
            return "\n".join(f"    {line}" if line else line for line in lines)
        if flaw.name == "blanks at ends of copied lines" and change.before is not None:
            known = set(change.before.split("\n"))
            return "\n".join(
                line + " " * chance.randrange(3) if line and line in known else line for line in lines
            )
        if flaw.name == "unchanged lines left out" and change.before is not None and len(lines) > 10:
            return "\n".join([*lines[:3], "# ... rest of the file unchanged ...", ""])
        return text

    return replays.whole_files(commit, worse)


def _is_recoverable(commit: Commit, flaw: Flaw) -> bool:
    if flaw.recoverable == "known":
        return all(syntax.is_known(language_of(change.path)) for change in commit.changes if change.before)
    return flaw.recoverable == "all"


def report(tallies: Sequence[Tally]) -> str:
    """A table."""
    rows = [f"{'format':8}{'flaw':34}{'applied':>9}{'refused':>9}{'WRONG':>7}{'of the certain':>16}"]
    for tally in tallies:
        right, refused, wrong = (tally.outcomes[key] for key in ("right", "refused", "wrong"))
        share = f"{tally.applied:.1%}" if tally.recoverable else "-"
        rows.append(f"{tally.flaw.style:8}{tally.flaw.name:34}{right:>9}{refused:>9}{wrong:>7}{share:>16}")
    return "\n".join(rows)


def main() -> int:
    """Replay what the command line names; 1 where anything was applied wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repositories", nargs="*", type=Path, default=[HERE])
    parser.add_argument("--commits", type=int, default=200, help="of each repository")
    options = parser.parse_args()
    found = [commit for path in options.repositories for commit in replays.commits(path, options.commits)]
    tallies = replay(iter(found))
    print(f"{len(found)} commits\n\n{report(tallies)}")
    wrong = [f"{tally.flaw}: {sha}" for tally in tallies for sha in tally.wrong]
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
