"""What an evaluation tells: for people and for programs, with what is noise called so."""

from typing import Any

from turnout.evaluate import report
from turnout.evaluate.arms import ARMS, LABELS
from turnout.evaluate.cutting import Gap, HoleKind
from turnout.evaluate.pipeline import Answered
from turnout.evaluate.report import Filled, filled


def answered(text: str, evaluated: int = 5) -> Answered:
    return Answered(
        text, "" if text else "filtered: it repeats itself", 10.0, 20.0, 100, evaluated, 7, ("similar",)
    )


def hole(*texts: str, language: str = "python", kind: HoleKind = "line") -> Filled:
    gap = Gap("a.py", language, kind, "x = ", "f(y)", "\n")
    return filled(gap, {arm: answered(text) for arm, text in zip(ARMS, texts, strict=True)})


HOLES = [
    *[hole("f(y)", "f(x)", "")] * 6,
    hole("f(y)", "f(y)", "f(y)", language="rust"),
    hole("", "f(y)", "", language="rust", kind="block"),
]


def test_figures_of_each_way_of_asking() -> None:
    """Exact answers, silence, tokens and how many of them were in the cache."""
    figures = report.summary(HOLES)["arms"]
    assert {arm: figures[arm]["exact"] for arm in ARMS} == {"context": 7, "bare": 2, "plain": 1}
    assert {arm: figures[arm]["silent"] for arm in ARMS} == {"context": 1, "bare": 0, "plain": 7}
    assert figures["bare"]["identifiers"] == 2
    assert figures["context"]["tokens"] == {"prompt": 800, "evaluated": 40, "generated": 56, "reuse": 0.95}
    assert figures["context"]["totalMs"] == {"p50": 20.0, "p90": 20.0, "p99": 20.0}
    low, high = figures["context"]["exactInterval"]
    assert low < 7 / 8 < high


def test_ways_of_asking_are_compared_by_holes() -> None:
    """How many only the one met, and how likely chance alone makes such a difference."""
    against: dict[str, Any] = report.summary(HOLES)["against"]
    assert (against["bare"]["wins"], against["bare"]["losses"], against["bare"]["ratio"]) == (6, 1, 3.5)
    assert against["bare"]["chance"] == 0.125
    assert against["plain"]["chance"] < report.NOISE


def test_a_report_has_every_kind_and_language() -> None:
    """All holes first, then the kinds and languages that there are."""
    assert [name for name, _ in report.groups(HOLES)] == ["all", "block", "line", "python", "rust"]
    assert [name for name, _ in report.groups(HOLES[:6])] == ["all", "python"]


def test_people_are_told_what_is_noise() -> None:
    """In words, beside the figures of all ways of asking."""
    text = "\n".join(report.lines(HOLES))
    assert all(label in text for label in LABELS.values())
    assert "met 6 that it missed, missed 1 that it met (3.50 x); may be noise (p = 0.125)" in text
    assert "more than noise" in text


def test_nothing_met_has_no_ratio() -> None:
    """A baseline without a single exact answer is no divisor."""
    assert "x); " not in "\n".join(report.lines([hole("f(y)", "", "")]))


def test_programs_are_told_everything() -> None:
    """What was asked of what, every answer, and why there was none."""
    told = report.to_json(HOLES[-1:], {"seed": 1})
    assert told["seed"] == 1
    (one,) = told["holes"]
    assert (one["path"], one["line"], one["column"], one["truth"]) == ("a.py", 1, 5, "f(y)")
    assert one["answers"]["context"]["reason"] == "filtered: it repeats itself"
    assert one["answers"]["bare"]["exact"] is True
    assert report.to_json([], {})["summary"] == {}
