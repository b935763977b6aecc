"""What stands beside llama.vim is told fairly: the session, what counts as shown, and where the peer comes from."""

from pathlib import Path

import pytest

from bench import llamavim, typed
from bench.llamavim import Outcome, Result, Seen
from bench.typed import Key, Passage

SOURCE = """import os


def area(radius):
    square = radius * radius
    return 3.14 * square < LIMIT_OF_ALL

END = 1
"""
PASSAGE = Passage("any", "shapes.py", 5, 6)


@pytest.mark.parametrize("seed", range(20))
def test_the_keys_give_the_text_back(seed: int) -> None:
    """Whoever presses every key in turn, behind the line where the script starts, has the author's file."""
    script = typed.script(PASSAGE, SOURCE, seed)
    lines = script.text.splitlines()
    at = script.start
    for key in script.keys:
        if key.keys.startswith("<CR>"):
            at += 1
            lines.insert(at, key.keys.removeprefix("<CR>"))
        else:
            lines[at] += key.keys.replace("<lt>", "<")
        assert (at, lines[at]) == (key.line, key.before)
        assert SOURCE.splitlines()[at] == key.before + ("" if key.looks else key.rest)
    assert "\n".join(lines) + "\n" == SOURCE


def test_the_same_keys_every_time() -> None:
    """A session is the same in every run, and another one with another seed."""
    assert typed.script(PASSAGE, SOURCE) == typed.script(PASSAGE, SOURCE)
    assert typed.script(PASSAGE, SOURCE, 1) != typed.script(PASSAGE, SOURCE, 2)


KEYS = (Key("a", 0, "a", "bc", 0.1), Key("b", 0, "ab", "c", 0.1))
DRAWN = {
    "shown while the key was the last one": ([Seen(1.2, 0, "a", "bc")], [200, None]),
    "shown too late": ([Seen(2.2, 0, "a", "bc")], [None, None]),
    "of another place": ([Seen(1.2, 1, "a", "bc")], [None, None]),
    "carried along with the text by Neovim": (
        [Seen(1.2, 0, "a", "x"), Seen(2.0, 0, "ab", "x"), Seen(2.1, 0, "ab", "")],
        [200, None],
    ),
    "the same again by the plugin": (
        [Seen(1.2, 0, "a", "x"), Seen(2.0, 0, "ab", "x"), Seen(2.1, 0, "ab", ""), Seen(2.5, 0, "ab", "x")],
        [200, 500],
    ),
    "what is left of it": ([Seen(1.2, 0, "a", "bc"), Seen(2.1, 0, "ab", "c")], [200, 100]),
    "blank": ([Seen(1.2, 0, "a", "  \n ")], [None, None]),
}


@pytest.mark.parametrize(("seen", "waits"), DRAWN.values(), ids=DRAWN)
def test_what_counts_as_shown(seen: list[Seen], waits: list[int | None]) -> None:
    """Ghost text counts for the key that it was drawn for, from then on and before the next key."""
    found = [outcome.wait_ms for outcome in llamavim.outcomes(KEYS, [1.0, 2.0], 3.0, seen)]
    assert [None if wait is None else round(wait) for wait in found] == waits


def test_what_counts_as_right() -> None:
    """The first line is held against the rest of the author's; at the end of a line there is nothing to hold it to."""
    cases = {("bc", "bc"): True, ("bc\nd", "bc"): True, ("b", "bc"): False, ("", ""): False, ("x", ""): False}
    assert {case: Outcome(1.0, *case).exact for case in cases} == cases


def test_rows_stand_on_the_same_keys() -> None:
    """Times are compared where both showed something; what is missing or wrong is counted apart."""
    ours = Result(
        "ours", [Outcome(10.0, "b", "b"), Outcome(30.0, "x", "b"), Outcome(None, "", "b")], tokens=50.0
    )
    theirs = Result(
        "theirs", [Outcome(40.0, "x", "b"), Outcome(None, "", "b"), Outcome(None, "", "b")], tokens=200.0
    )
    found = [(row.ours, row.baseline) for row in llamavim.rows(ours, theirs)]
    assert found == [(10.0, 40.0), (10.0, 40.0), (50.0, 200.0), (1.0, 2.0), (2.0, 3.0)]


def test_a_missing_peer_says_where_it_comes_from(tmp_path: Path) -> None:
    """Without llama.vim the measurement says how to get it, at which commit."""
    with pytest.raises(llamavim.PeerMissing, match=f"git clone .*{llamavim.COMMIT}"):
        llamavim.peer_folder({llamavim.PEER: str(tmp_path)})
    (tmp_path / "autoload").mkdir()
    (tmp_path / "autoload" / "llama.vim").touch()
    assert llamavim.peer_folder({llamavim.PEER: str(tmp_path)}) == tmp_path
