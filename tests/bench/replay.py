"""Replays the commits of real repositories as flawed replies: how many are applied, and is any of them applied wrong?

python -m bench.replay --commits 200 [REPOSITORY ...]
"""

import argparse
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from support import replays
from support.replays import Change, Commit
from turnout import syntax
from turnout.core.languages import language_of

HERE = Path(__file__).parents[2]


NO_GRAMMAR = "a language without a grammar"
IN_A_STRING = "new text in a string"
NOT_SHOWN = "no blank line that shows it"
SEVERAL = "more than one reading"

LINE_BREAKS = "line breaks in Markdown"
"""No flaw of a reply: its commit also adds blanks that mean something, which must not be lost.

In a whole file nothing says that they are meant; in a block that copies the line without them, they are.
"""


def _certain(_: Commit) -> str:
    return ""


def _several(_: Commit) -> str:
    return SEVERAL


def _blanks_count(commit: Commit) -> str:
    """Blanks of any number at the end of a new line may be meant where they count."""
    return _without_grammar(commit) or _in_string(commit, 1)


def _move_counts(commit: Commit) -> str:
    """Nobody knows whether the text of a new string was moved along, nor what a move means without a grammar."""
    return _without_grammar(commit) or _in_string(commit)


def _in_string(commit: Commit, further: int = 0) -> str:
    return IN_A_STRING if any(replays.new_in_strings(change, further) for change in commit.changes) else ""


def _same_blanks_count(commit: Commit) -> str:
    """The same blanks everywhere are no text if one of them means nothing for sure: in code, or on a blank line."""
    edits = [block for block in replays.blocks_of(commit) if block.search]
    shown = {block.path for block in edits if "" in block.search}
    return "" if all(block.path in shown or _is_known(block.path) for block in edits) else NOT_SHOWN


def _same_blanks_count_in_file(commit: Commit) -> str:
    shown = all(
        "\n\n" in change.before for change in commit.changes if change.before and not _is_known(change.path)
    )
    return "" if shown else NOT_SHOWN


def _without_grammar(commit: Commit) -> str:
    known = all(_is_known(change.path) for change in commit.changes if change.before)
    return "" if known else NO_GRAMMAR


def _is_known(path: str) -> bool:
    return syntax.is_known(language_of(path))


class Flaw(NamedTuple):
    """A way in which a reply is worse than it should be; `doubt` says why nobody knows what was meant, if so."""

    name: str
    style: str
    doubt: Callable[[Commit], str] = _certain


@dataclass
class Tally:
    """What became of the replies with one flaw, by why what they meant is not certain (empty where it is)."""

    flaw: Flaw
    by_doubt: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    wrong: list[str] = field(default_factory=list)

    @property
    def outcomes(self) -> Counter[str]:
        """What became of all of them."""
        return sum(self.by_doubt.values(), Counter())

    @property
    def certain(self) -> Counter[str]:
        """What became of those whose meaning is certain."""
        return self.by_doubt.get("", Counter())

    @property
    def applied(self) -> float:
        """The share of replies that were applied as the commit has it, of those that are certain."""
        return self.certain["right"] / max(1, self.certain.total()) if self.certain else 1.0


FLAWS = (
    Flaw("none", "blocks"),
    Flaw("blanks at ends of copied lines", "blocks"),
    Flaw("blanks at ends of all lines", "blocks", _blanks_count),
    Flaw("the same blanks at all ends", "blocks", _same_blanks_count),
    Flaw("moved to the margin", "blocks", _move_counts),
    Flaw("indented further", "blocks", _move_counts),
    Flaw("unchanged lines left out", "blocks", _several),
    Flaw("wrong line numbers", "blocks"),
    Flaw("no lines around", "blocks", _several),
    Flaw("a line written twice", "blocks", _several),
    Flaw("CRLF", "blocks"),
    Flaw("no newline at the end", "blocks"),
    Flaw(LINE_BREAKS, "blocks"),
    Flaw("none", "whole"),
    Flaw("blanks at ends of copied lines", "whole", _blanks_count),
    Flaw("blanks at ends of all lines", "whole", _blanks_count),
    Flaw("the same blanks at all ends", "whole", _same_blanks_count_in_file),
    Flaw("indented further", "whole", _in_string),
    Flaw("unchanged lines left out", "whole", _several),
    Flaw("CRLF", "whole"),
    Flaw("no newline at the end", "whole"),
    Flaw(LINE_BREAKS, "whole", _several),
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
    "the same blanks at all ends": replays.same_blanks_everywhere,
    "moved to the margin": replays.margin,
    "indented further": replays.indented,
    "unchanged lines left out": replays.elided,
    "no lines around": replays.bare,
    "a line written twice": replays.doubled,
}


def replay(commits: Iterator[Commit], flaws: Sequence[Flaw] = FLAWS) -> list[Tally]:
    """What becomes of every commit with every flaw."""
    tallies = [Tally(flaw) for flaw in flaws]
    for original in commits:
        chance = random.Random(original.sha)
        broken = replays.with_line_breaks(original, chance)
        for tally in tallies:
            commit = broken if tally.flaw.name == LINE_BREAKS else original
            if commit is not None:
                _try(commit, tally, chance)
    return tallies


def _try(commit: Commit, tally: Tally, chance: random.Random) -> None:
    reply = _reply(commit, tally.flaw, chance)
    if reply is None or (tally.flaw.name in _SPOILS_BLANKS and replays.is_about_blanks(commit)):
        return
    became = replays.outcome(commit, reply, tally.flaw.style)
    tally.by_doubt[tally.flaw.doubt(commit)][became] += 1
    if became == "wrong":
        tally.wrong.append(commit.sha)


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
    blanks = " " * chance.randrange(1, 4)

    def worse(change: Change, text: str) -> str:
        if change.before is None:
            return text
        lines = text.removesuffix("\n").split("\n")
        known = set(change.before.split("\n"))
        match flaw.name:
            case "indented further":
                lines = [f"    {line}" if line else line for line in lines]
            case "blanks at ends of copied lines":
                lines = [
                    line + " " * chance.randrange(3) if line and line in known else line for line in lines
                ]
            case "blanks at ends of all lines":
                lines = [line + " " * chance.randrange(1, 4) for line in lines]
            case "the same blanks at all ends":
                lines = [line + blanks for line in lines]
            case "unchanged lines left out" if len(lines) > 9:
                lines = [*lines[:3], "# ... rest of the file unchanged ..."]
        return "".join(f"{line}\n" for line in lines)

    return replays.whole_files(commit, worse)


def report(tallies: Sequence[Tally]) -> str:
    """A table; what is not certain has a row for each reason."""
    rows = [f"{'format':8}{'flaw':34}{'applied':>9}{'refused':>9}{'WRONG':>7}{'of the certain':>16}"]
    for tally in tallies:
        if tally.certain:
            rows.append(_row(tally.flaw.style, tally.flaw.name, tally.certain, f"{tally.applied:.1%}"))
        else:
            rows.append(f"{tally.flaw.style:8}{tally.flaw.name}")
        rows += [
            _row("", f"  {doubt}", tally.by_doubt[doubt], "-") for doubt in sorted(tally.by_doubt) if doubt
        ]
    return "\n".join(rows)


def _row(style: str, name: str, outcomes: Counter[str], share: str) -> str:
    right, refused, wrong = (outcomes[key] for key in ("right", "refused", "wrong"))
    return f"{style:8}{name:34}{right:>9}{refused:>9}{wrong:>7}{share:>16}"


def main() -> int:
    """Replay what the command line names; 1 where anything was applied wrong, or nothing was found to replay."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repositories", nargs="*", type=Path, default=[HERE])
    parser.add_argument("--commits", type=int, default=200, help="of each repository")
    options = parser.parse_args()
    found = [commit for path in options.repositories for commit in replays.commits(path, options.commits)]
    tallies = replay(iter(found))
    print(f"{len(found)} commits\n\n{report(tallies)}")
    wrong = [f"{tally.flaw.style}, {tally.flaw.name}: {sha}" for tally in tallies for sha in tally.wrong]
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
