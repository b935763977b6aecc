"""A check that failed before, too, says something of a change only where its output can be compared to the end."""

from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.check_outputs import TOOLS
from turnout.checks.comparing import Comparison, Side, compare
from turnout.checks.running import Ran
from turnout.core.edits.changes import file_change

FILES = ("a.py", "old.py", "test_a.py", "src/lib.rs", "a.ts", "src/a.test.js")
A = ("import os\n", "\n", "def area(w):\n", "    return w\n")
CHANGE = file_change("edit", "file:///w/a.py", "a.py", A, ("import os\n", "import re\n", "\n", *A[2:]))
"""One more line at the top of `a.py`."""


def compared(before: str, after: str, statuses: tuple[int | None, int | None] = (1, 1)) -> Comparison:
    old, new = (
        Side(Ran(status, dedent(text).strip("\n")), FILES.__contains__)
        for status, text in zip(statuses, (before, after), strict=True)
    )
    return compare(new, old, [CHANGE])


@pytest.mark.parametrize("tool", TOOLS)
def test_an_old_failure_alone_is_told_from_a_new_one(tool: str) -> None:
    """Times, places, order and passing tests may differ; anything else said is new, or keeps it from being judged."""
    before, same, worse = TOOLS[tool]
    found = compared(before, same)
    assert (found.new, found.unclear, found.known > 0) == ([], "", True)
    found = compared(before, worse)
    assert found.new or found.unclear


OLD = "old.py:1:1: E1 old\n"
CONFTEST = OLD + "ImportError while loading conftest '/x/conftest.py'."
ESLINT = OLD + "Oops! Something went wrong! :("

UNCLEAR = [
    ("other words", OLD, OLD + "fatal: internal error", "internal error"),
    ("a file of another folder", OLD, OLD + "web/a.ts(3,1): error TS1: new", "web/a.ts"),
    ("a higher number", OLD + "3 errors", OLD + "4 errors", "error"),
    ("a higher number of two", OLD + "1 failed, 9 passed", OLD + "2 failed, 8 passed", "failed"),
    ("a name with another number", OLD + "bad: test_1", OLD + "bad: test_2", "test_2"),
    ("a test of another time", OLD + "\u00d7 waits 5 s", OLD + "\u00d7 waits 6 s", "waits 6 s"),
    ("a number behind a colon", OLD + "got:3", OLD + "got:4", "got=4"),
    ("another value", OLD + "got 3", OLD + "got 4", "got 4"),
    ("the same once more", OLD + "boom", OLD + "boom\nboom", "boom"),
    ("another reason", "FAILED a.py::t - assert 1 == 2", "FAILED a.py::t - NameError: area", "NameError"),
    ("more letters in the row", OLD + "..F. [100%]", OLD + ".EF. [100%]", "row"),
    ("pytest -x", OLD, OLD + "!!!!!!! stopping after 1 failures !!!!!!!", "stops"),
    ("pytest that collects nothing", OLD, OLD + "!!! Interrupted: 1 error during collection !!!", "stops"),
    ("pytest without what its conftest needs", CONFTEST, CONFTEST, "stops"),
    ("ESLint without its settings", ESLINT, ESLINT, "stops"),
    ("cargo test", OLD, OLD + "error: test failed, to rerun pass `--lib`", "stops"),
    ("mypy", OLD, OLD + "Found 1 error in 1 file (errors prevented further checking)", "stops"),
    ("go", OLD, OLD + "FAIL\tm/a [build failed]", "stops"),
    ("go vet", OLD, OLD + "too many errors", "stops"),
    ("clang", OLD, OLD + "fatal error: too many errors emitted, stopping now [-ferror-limit=]", "stops"),
    ("make", OLD, OLD + "make: *** [Makefile:2: check] Error 1", "stops"),
    ("make in make", OLD, OLD + "make[1]: *** [check] Error 1", "stops"),
    ("npm", OLD, OLD + "npm error Lifecycle script `test` failed with error:", "stops"),
    ("an older npm", OLD, OLD + "npm ERR! code ELIFECYCLE", "stops"),
    ("pnpm", OLD, OLD + "\u2009ELIFECYCLE\u2009 Test failed.", "stops"),
    ("rustc", OLD, OLD + "error[E0432]: unresolved import `crate::x`", "stops"),
    ("coverage", OLD, OLD + "FAIL Required test coverage of 90% not reached.", "coverage"),
    ("a process of xdist", OLD, OLD + "[gw0] [ 50%] FAILED test_a.py::t", "FAILED"),
    ("a tick of no test", OLD, OLD + "\u2713 0 of 9 ok, rest gone", "rest gone"),
    ("a tick before a crash", OLD, OLD + "  \u2713 adds (2 ms) Segmentation crash", "crash"),
    ("an ok of no package", OLD, OLD + "ok  \tbut panic: nil", "panic"),
    ("a package that says more", OLD, OLD + "ok  \tm/a\t0.1s\tpanic", "panic"),
    ("a passed test that says more", OLD, OLD + "--- PASS: TestA (0.00s) panic", "panic"),
    ("a test that begins with a panic", OLD, OLD + "=== RUN   TestA panic", "panic"),
    ("coverage and more", OLD, OLD + "TOTAL  10   2  80% is too little", "too little"),
    ("rustc and more", OLD, OLD + "For more information about the crash", "crash"),
    ("nothing known", "it is bad", "it is bad", "no problem in a known form"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "why"), [row[1:] for row in UNCLEAR], ids=[r[0] for r in UNCLEAR]
)
def test_what_cannot_be_judged(before: str, after: str, why: str) -> None:
    """An old problem excuses nothing that is said beside it, and nothing that was not looked at."""
    before += "\n" + "".join(line for line in after.splitlines(True) if why == "stops")
    found = compared(before, after)
    assert why in found.unclear + "".join(problem.text for problem in found.new)


UNPARSED = "error: this file contains an unclosed delimiter\n --> src/lib.rs:3:1\n  |\n"
TYPES = "error[E0308]: mismatched types\n --> src/lib.rs:9:5\n  |\n"
LINT = "error: unused variable: `x`\n --> src/lib.rs:9:5\n  |\n  = note: `#[deny(unused_variables)]` on by default\n"


def test_a_file_that_cannot_be_parsed_hides_what_is_in_others() -> None:
    """Where it was there before, nobody knows what was old besides; where it comes with the change, that fails."""
    cut = "a.py:1: error: invalid syntax\nFound 1 error in 1 file (errors prevented further checking)"
    for before, after in ((UNPARSED, TYPES), (UNPARSED, UNPARSED), (cut, "a.py:1: error: Name [name]")):
        found = compared(before, after)
        assert (found.new, "cannot be parsed" in found.unclear) == ((), True)
    assert [problem.line for problem in compared(TYPES, UNPARSED).new] == [3]
    assert [problem.line for problem in compared(LINT, LINT + TYPES).new] == [9]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("4 errors", "3 errors"),
        ("2 failed, 8 passed in 2.10s", "1 failed, 9 passed, 1 skipped in 0.10s"),
        ("FAILED (failures=2, errors=1)", "FAILED (failures=1, errors=1)"),
        ("Found 2 errors in 2 files.", "Found 1 error in a.ts:1"),
        ("error: bad due to 2 previous errors; 1 warning emitted", "error: bad due to 1 previous error"),
        ("warning: `r` generated 2 warnings (1 duplicate)", "warning: `r` generated 1 warning"),
        ("FF..F [100%]", "..F.. [100%]"),
        ("boom\nboom", "boom"),
        ("\u00d7 waits 5 s 12ms", "\u00d7 waits 5 s 9ms"),
    ],
)
def test_fewer_failures_are_none_more(before: str, after: str) -> None:
    """What was counted, or said several times, may become less."""
    assert compared(OLD + before, OLD + after) == ([], 1, "")


RUFF_HIDDEN = "No fixes available (1 hidden fix can be enabled with the `--unsafe-fixes` option)."


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[*] 2 fixable with the `--fix` option.", "1 unsafe fix available with `--unsafe-fixes`"),
        ("[*] 1 fixable with the `--fix` option (1 hidden fix with `--unsafe-fixes`).", RUFF_HIDDEN),
    ],
)
def test_how_problems_can_be_mended_is_none(before: str, after: str) -> None:
    """Where the change mends those that a linter could have mended, it offers something else for the others."""
    assert compared(OLD + before, OLD + after) == ([], 1, "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a.py  10   2  80%\nTOTAL  10   2  80%", "a.py  12   2   4   1  83.5%   3-5\nTOTAL  12   2  83%"),
        (
            "0.30s call     test_a.py::test_old",
            "1.20s setup    test_a.py::test_old\n0.01s call  test_a.py::test_new",
        ),
        ("(3 durations < 0.005s hidden.  Use -vv)", "(5 durations < 0.005s hidden.  Use -vv)"),
        ("[gw0] linux -- Python 3.12\n[gw0] [ 50%] PASSED test_a.py::t", "[gw1] linux -- Python 3.12"),
        ("ok  \tm/a\t0.1s", "ok  \tm/a\t(cached)\tcoverage: 80.0% of statements\n?   \tm/b\t[no test files]"),
        ("=== RUN   TestA\n--- PASS: TestA (0.00s)", "=== RUN   TestA/b_c\n--- PASS: TestA/b_c (1.00s)"),
        ("suite\n  \u2713 adds (2 ms)", "suite\n  \u2713 adds\n  \u2713 throws an error"),
        ("a.py  10   2   4   1  83.5%   3-5", "a.py  10   2   4   1  83.5%   3-5, 8->exit, 9"),
        ("2 workers [3 items]", "2 workers [4 items]\n[gw1] [ 25%] PASSED test_a.py::test_new"),
    ],
)
def test_what_tells_of_no_failure_may_differ(before: str, after: str) -> None:
    """What pytest says of coverage, of slow tests and of the process that ran them."""
    assert compared(OLD + before, OLD + after) == ([], 1, "")


@pytest.mark.parametrize(("before", "after"), [(1, 3), (1, -9), (-9, -9), (None, None), (1, None)])
def test_a_check_that_ends_in_another_way_is_not_judged(before: int | None, after: int | None) -> None:
    """A crash, a signal and a time-out may stand for anything, whatever was printed before them."""
    assert compared(OLD, OLD, (before, after)).unclear == "it does not end in the same way"


def test_what_is_cut_off_is_not_judged() -> None:
    """What was not kept of an output may tell of anything, in either run."""
    whole, cut = (Side(Ran(1, OLD, whole=is_whole), FILES.__contains__) for is_whole in (True, False))
    many = Side(Ran(1, OLD * 20_001), FILES.__contains__)
    for after, before in ((cut, whole), (whole, cut), (many, whole), (whole, many)):
        assert compare(after, before, [CHANGE])[::2] == ((), "it prints too much to be compared")


def test_a_late_or_a_long_problem_is_found() -> None:
    """A problem counts behind thousands of others, and however long its words are."""
    old = "".join(f"old.py:{line}:1: E1 old\n" for line in range(1, 2_002))
    new = "a.py:2:1: E2 new " + "x" * 5_000
    assert [problem.line for problem in compared(old, old + new).new] == [2]


@pytest.mark.parametrize("piece", [" ", "a1_", "1."])
def test_a_long_line_is_compared_in_linear_time(piece: str) -> None:
    """It would take minutes otherwise, in which nothing else is done; what it says counts to its last letter."""
    said = f"FAILED a.py::t{piece * 20_000}!\n{piece * 20_000}!"
    assert compared(OLD + said, OLD + said)[::2] == ([], "")
    assert compared(OLD + said, OLD + said + "z").unclear


@settings(max_examples=40)
@given(st.lists(st.text(max_size=40), max_size=8), st.text(alphabet="abc FAIL\u25cf:1", max_size=30))
def test_any_output_is_compared(lines: list[str], more: str) -> None:
    """Whatever is printed, it says the same as itself, and lines of words that are added never go unseen."""
    before = OLD + "\n".join(lines)
    assert compared(before, before)[::2] == ([], "")
    found = compared(before, f"{before}\nzzz {more}")
    assert found.new or found.unclear
