"""What an evaluation found, as a table for people and as JSON for programs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from turnout.evaluate.arms import ARMS, LABELS, Arm
from turnout.evaluate.cutting import Gap
from turnout.evaluate.pipeline import Answered
from turnout.evaluate.scores import Score, duel, interval, percentile, score

NOISE = 0.05
"""A difference that chance alone makes more often than this is called noise."""


@dataclass(frozen=True, slots=True)
class Filled:
    """One hole with the answers of every arm, and how near they came."""

    gap: Gap
    answers: Mapping[Arm, Answered]
    scores: Mapping[Arm, Score]


def filled(gap: Gap, answers: Mapping[Arm, Answered]) -> Filled:
    """Compare the answers at a hole with what its author wrote, by the text that comes of them."""

    def scored(answer: Answered) -> Score:
        return score(answer.text, gap.truth + gap.after[: answer.replaces])

    return Filled(gap, answers, {arm: scored(answer) for arm, answer in answers.items()})


def groups(holes: Sequence[Filled]) -> Iterator[tuple[str, list[Filled]]]:
    """All holes, then those of each kind and of each language, as far as these are not all of them."""
    yield "all", list(holes)
    for name, key in (("kind", _kind), ("language", _language)):
        found = sorted({key(hole) for hole in holes})
        if len(found) > 1 or name == "language":
            for value in found:
                yield value, [hole for hole in holes if key(hole) == value]


def _kind(hole: Filled) -> str:
    return hole.gap.kind


def _language(hole: Filled) -> str:
    return hole.gap.language


def summary(holes: Sequence[Filled]) -> dict[str, Any]:
    """The figures of some holes, by arm, and how the first arm fares against each other one."""
    return {
        "holes": len(holes),
        "arms": {arm: _figures(holes, arm) for arm in ARMS},
        "against": {arm: _against(holes, arm) for arm in ARMS[1:]},
    }


def _figures(holes: Sequence[Filled], arm: Arm) -> dict[str, Any]:
    scores = [hole.scores[arm] for hole in holes]
    answers = [hole.answers[arm] for hole in holes]
    exact = sum(score.exact for score in scores)
    prompt = sum(answer.prompt_tokens for answer in answers)
    evaluated = sum(answer.evaluated_tokens for answer in answers)
    low, high = interval(exact, len(scores))
    return {
        "exact": exact,
        "exactShare": exact / len(scores),
        "exactInterval": [round(low, 4), round(high, 4)],
        "similarity": fmean(score.similarity for score in scores),
        "identifiers": sum(score.identifiers for score in scores),
        "silent": sum(not answer.text for answer in answers),
        "firstMs": _percentiles([answer.first_ms for answer in answers]),
        "totalMs": _percentiles([answer.total_ms for answer in answers]),
        "tokens": {
            "prompt": prompt,
            "evaluated": evaluated,
            "generated": sum(answer.generated_tokens for answer in answers),
            "reuse": 1 - evaluated / prompt if prompt else 0.0,
        },
    }


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    return {
        name: round(percentile(values, share), 1)
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
    }


def _against(holes: Sequence[Filled], arm: Arm) -> dict[str, Any]:
    ours, theirs = (
        [hole.scores[ARMS[0]].exact for hole in holes],
        [hole.scores[arm].exact for hole in holes],
    )
    found = duel(ours, theirs)
    ratio = sum(ours) / sum(theirs) if sum(theirs) else None
    return {"wins": found.wins, "losses": found.losses, "chance": found.chance, "ratio": ratio}


def lines(holes: Sequence[Filled]) -> Iterator[str]:
    """The report for people."""
    for name, some in groups(holes):
        found = summary(some)
        yield f"{name}: {found['holes']} holes"
        yield from _table(found)
        for arm in ARMS[1:]:
            yield _verdict(found["against"][arm], arm)
        yield ""
    yield "Exact: the very text of the author, with the interval that holds the true share in 95 of 100 samples."
    yield "Latency: after the file was read ahead at the beginning of the line, as while a user rests there."


_HEADINGS = (
    "",
    "exact",
    "",
    "similar",
    "names",
    "first ms",
    "whole ms",
    "p90",
    "prompt",
    "read",
    "written",
    "reused",
)


def _table(found: Mapping[str, Any]) -> Iterator[str]:
    rows = [_HEADINGS, *(_row(arm, found["arms"][arm], found["holes"]) for arm in ARMS)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for row in rows:
        first, *others = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(["", first, *others]).rstrip()


def _row(arm: Arm, figures: Mapping[str, Any], holes: int) -> tuple[str, ...]:
    low, high = figures["exactInterval"]
    tokens = figures["tokens"]
    return (
        LABELS[arm],
        f"{figures['exact']} = {figures['exactShare']:.1%}",
        f"{low:.0%}-{high:.0%}",
        f"{figures['similarity']:.3f}",
        f"{figures['identifiers'] / holes:.1%}",
        f"{figures['firstMs']['p50']:.0f}",
        f"{figures['totalMs']['p50']:.0f}",
        f"{figures['totalMs']['p90']:.0f}",
        f"{tokens['prompt'] / holes:.0f}",
        f"{tokens['evaluated'] / holes:.1f}",
        f"{tokens['generated'] / holes:.1f}",
        f"{tokens['reuse']:.1%}",
    )


def _verdict(found: Mapping[str, Any], arm: Arm) -> str:
    ratio = "" if found["ratio"] is None else f" ({found['ratio']:.2f} x)"
    noise = "more than noise" if found["chance"] <= NOISE else "may be noise"
    return (
        f"  against {LABELS[arm]}: met {found['wins']} that it missed, missed {found['losses']} that it met{ratio}; "
        f"{noise} (p = {found['chance']:.3f})"
    )


def to_json(holes: Sequence[Filled], about: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was measured; `about` says what was asked of what."""
    return {
        **about,
        "summary": {name: summary(some) for name, some in groups(holes)} if holes else {},
        "holes": list(_holes_to_json(holes)),
    }


def _holes_to_json(holes: Iterable[Filled]) -> Iterator[dict[str, Any]]:
    for hole in holes:
        place = hole.gap.position
        yield {
            "path": hole.gap.path,
            "line": place.line + 1,
            "column": place.character + 1,
            "kind": hole.gap.kind,
            "language": hole.gap.language,
            "truth": hole.gap.truth,
            "answers": {
                arm: {
                    "text": answer.text,
                    "reason": answer.reason,
                    "exact": hole.scores[arm].exact,
                    "similarity": round(hole.scores[arm].similarity, 4),
                    "promptTokens": answer.prompt_tokens,
                    "sources": list(answer.sources),
                }
                for arm, answer in hole.answers.items()
            },
        }
