"""How answers are compared, and when a difference is more than noise."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnout.evaluate.scores import Duel, Score, duel, interval, percentile, score


@pytest.mark.parametrize(
    ("said", "truth", "expected"),
    [
        ("f(x)", "f(x)", Score(True, 1.0, True)),
        ("f(x)  ", "f(x)", Score(True, 1.0, True)),
        ("a\r\nb", "a\nb", Score(True, 1.0, True)),
        ("f( x )", "f(x)", Score(False, 0.8, True)),
        ("x", " x", Score(False, 2 / 3, True)),
        ("f(y)", "f(x)", Score(False, 0.75, False)),
        ("", "abc", Score(False, 0.0, False)),
        ("", "", Score(True, 1.0, True)),
    ],
)
def test_an_answer_is_compared_with_the_truth(said: str, truth: str, expected: Score) -> None:
    """The very text, the letters in common, and the names; white space at line ends is nothing."""
    assert score(said, truth) == expected


@pytest.mark.parametrize(
    ("wins", "losses", "chance"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (8, 2, 0.109375), (5, 5, 1.0)],
)
def test_a_difference_is_judged_by_the_pairs_that_differ(wins: int, losses: int, chance: float) -> None:
    """The exact test of McNemar, for both sides."""
    assert Duel(wins, losses).chance == pytest.approx(chance)
    assert Duel(losses, wins).chance == pytest.approx(chance)


def test_pairs_are_counted() -> None:
    """Holes that both met or both missed decide nothing."""
    assert duel([True, True, False, False], [True, False, True, False]) == Duel(1, 1)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 500), st.integers(0, 500))
def test_an_interval_holds_the_share(hits: int, misses: int) -> None:
    """It lies between nothing and everything, around what was seen."""
    of = hits + misses
    low, high = interval(hits, of)
    assert 0 <= low <= (hits / of if of else 0.5) <= high <= 1


@pytest.mark.parametrize(("share", "value"), [(0.5, 2), (0.9, 4), (0.0, 1), (1.0, 4)])
def test_a_percentile_is_one_of_the_values(share: float, value: float) -> None:
    """The smallest that so many do not exceed."""
    assert percentile([4, 2, 1, 3], share) == value


def test_nothing_measured_is_nothing() -> None:
    """No values, no figure."""
    assert percentile([], 0.5) == 0
