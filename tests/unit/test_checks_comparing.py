"""A check that failed before, too, says something of a change only where its output can be compared to the end."""

from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


RUFF = (
    """
    F401 [*] `os` imported but unused
     --> a.py:1:8
      |
    1 | import os
      |        ^^
    2 |
    3 | def area(w):
      |
    help: Remove unused import: `os`

    Found 1 error.
    [*] 1 fixable with the `--fix` option.
    """,
    """
    F401 [*] `os` imported but unused
     --> a.py:1:8
      |
    1 | import os
      |        ^^
    2 | import re
    3 |
      |
    help: Remove unused import: `os`

    Found 1 error.
    [*] 1 fixable with the `--fix` option.
    """,
    """
    F401 [*] `os` imported but unused
     --> a.py:1:8
      |
    1 | import os
      |        ^^
    2 | import re
      |
    help: Remove unused import: `os`

    F401 [*] `re` imported but unused
     --> a.py:2:8
      |
    1 | import os
    2 | import re
      |        ^^
      |
    help: Remove unused import: `re`

    Found 2 errors.
    [*] 2 fixable with the `--fix` option.
    """,
)

MYPY = (
    """
    a.py:4: error: Returning Any from function declared to return "int"  [no-any-return]
    Found 1 error in 1 file (checked 3 source files)
    """,
    """
    a.py:5: error: Returning Any from function declared to return "int"  [no-any-return]
    Found 1 error in 1 file (checked 4 source files)
    """,
    """
    a.py:5: error: Returning Any from function declared to return "int"  [no-any-return]
    old.py:1: error: Missing positional argument "h" in call to "area"  [call-arg]
    Found 2 errors in 2 files (checked 3 source files)
    """,
)

PYRIGHT = (
    """
    /a.py
      a.py:4:12 - error: Type "str" is not assignable to return type "int"
        "str" is not assignable to "int" (reportReturnType)
    1 error, 0 warnings, 0 informations
    """,
    """
    /a.py
      a.py:5:12 - error: Type "str" is not assignable to return type "int"
        "str" is not assignable to "int" (reportReturnType)
    1 error, 0 warnings, 2 informations
    """,
    """
    /a.py
      a.py:5:12 - error: Type "str" is not assignable to return type "int"
        "str" is not assignable to "int" (reportReturnType)
    /old.py
      old.py:2:1 - error: Argument missing for parameter "h" (reportCallIssue)
    2 errors, 0 warnings, 0 informations
    """,
)  # fmt: skip

TSC = (
    "a.ts(1,7): error TS2322: Type 'string' is not assignable to type 'number'.",
    "a.ts(1,7): error TS2322: Type 'string' is not assignable to type 'number'.",
    """
    a.ts(1,7): error TS2322: Type 'string' is not assignable to type 'number'.
    web/b.ts(1,7): error TS2554: Expected 2 arguments, but got 1.
    """,
)

TSC_PRETTY = (
    """
    \x1b[96ma.ts\x1b[0m:\x1b[93m1\x1b[0m:\x1b[93m7\x1b[0m - \x1b[91merror\x1b[0m\x1b[90m TS2322: \x1b[0mNo number.

    \x1b[7m1\x1b[0m const a: number = "x";
    \x1b[7m \x1b[0m \x1b[91m      ~\x1b[0m


    Found 1 error in a.ts\x1b[90m:1\x1b[0m
    """,
    """
    \x1b[96ma.ts\x1b[0m:\x1b[93m1\x1b[0m:\x1b[93m7\x1b[0m - \x1b[91merror\x1b[0m\x1b[90m TS2322: \x1b[0mNo number.

    \x1b[7m1\x1b[0m const a: number = "x";
    \x1b[7m \x1b[0m \x1b[91m      ~\x1b[0m


    Found 1 error in a.ts\x1b[90m:1\x1b[0m
    """,
    """
    \x1b[96ma.ts\x1b[0m:\x1b[93m1\x1b[0m:\x1b[93m7\x1b[0m - \x1b[91merror\x1b[0m\x1b[90m TS2322: \x1b[0mNo number.

    \x1b[96mweb/b.ts\x1b[0m:\x1b[93m2\x1b[0m:\x1b[93m7\x1b[0m - \x1b[91merror\x1b[0m\x1b[90m TS2322: \x1b[0mNo text.


    Found 2 errors in 2 files.
    """,
)

CARGO_CHECK = (
    """
        Checking r v0.1.0
    error[E0425]: cannot find value `hh` in this scope
     --> src/lib.rs:3:9
      |
    3 |     w * hh
      |         ^^
      |
    help: a local variable with a similar name exists
      |
    3 -     w * hh
    3 +     w * h
      |

    For more information about this error, try `rustc --explain E0425`.
    error: could not compile `r` (lib) due to 1 previous error
    """,
    """
        Blocking waiting for file lock on build directory
        Checking r v0.1.0
    error[E0425]: cannot find value `hh` in this scope
     --> src/lib.rs:3:9
      |
    3 |     w * hh
      |         ^^
      |
    help: a local variable with a similar name exists
      |
    3 -     w * hh
    3 +     w * h
      |

    For more information about this error, try `rustc --explain E0425`.
    error: could not compile `r` (lib) due to 1 previous error
    """,
    """
        Checking r v0.1.0
    error[E0425]: cannot find value `hh` in this scope
     --> src/lib.rs:3:9
      |
    3 |     w * hh
      |         ^^
      |
    help: a local variable with a similar name exists
      |
    3 -     w * hh
    3 +     w * h
      |

    error[E0308]: mismatched types
     --> crates/b/src/lib.rs:9:5
      |
    9 |     area(2)
      |     ^^^^^^^ expected `i64`, found `i32`

    Some errors have detailed explanations: E0308, E0425.
    error: could not compile `r` (lib) due to 2 previous errors
    """,
)

CARGO_TEST = (
    """
       Compiling r v0.1.0
        Finished `test` profile [unoptimized + debuginfo] target(s) in 3.37s
         Running unittests src/lib.rs (target/debug/deps/r-2eeb798e46b18181)

    running 2 tests
    test tests::other ... ok
    test tests::old ... FAILED

    failures:

    ---- tests::old stdout ----

    thread 'tests::old' (23581) panicked at src/lib.rs:10:9:
    assertion `left == right` failed
      left: 6
     right: 7
    note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace


    failures:
        tests::old

    test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.73s

    error: test failed, to rerun pass `--lib`
       Doc-tests r
    error: 1 target failed:
        `--lib`
    """,
    """
       Compiling r v0.1.0
        Finished `test` profile [unoptimized + debuginfo] target(s) in 12.01s
         Running unittests src/lib.rs (target/debug/deps/r-99eb798e46b18199)

    running 3 tests
    test tests::old ... FAILED
    test tests::more ... ok
    test tests::other ... ok

    failures:

    ---- tests::old stdout ----

    thread 'tests::old' (99) panicked at src/lib.rs:10:9:
    assertion `left == right` failed
      left: 6
     right: 7
    note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace


    failures:
        tests::old

    test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s

    error: test failed, to rerun pass `--lib`
       Doc-tests r
    error: 1 target failed:
        `--lib`
    """,
    """
    running 2 tests
    test tests::other ... FAILED
    test tests::old ... FAILED

    failures:
        tests::old
        tests::other

    test result: FAILED. 0 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.73s

    error: test failed, to rerun pass `--lib`
    error: 1 target failed:
        `--lib`
    """,
)

PYTEST = (
    """
    ..F.............................                                         [100%]
    =================================== FAILURES ===================================
    ___________________________________ test_old ___________________________________

    tmp_path = PosixPath('/tmp/pytest-of-me/pytest-12/test_old0')

        def test_old(tmp_path):
    >       assert area(2, Thing()) == 7
    E       assert <a.Thing object at 0x7f0a12bc34d0> == 7

    test_a.py:5: AssertionError
    =========================== short test summary info ============================
    FAILED test_a.py::test_old - assert <a.Thing object at 0x7f0a12bc34d0> == 7
    1 failed, 31 passed in 0.05s
    """,
    """
    .............F.....................                                      [100%]
    =================================== FAILURES ===================================
    ___________________________________ test_old ___________________________________

    tmp_path = PosixPath('/tmp/pytest-of-me/pytest-13/test_old0')

        def test_old(tmp_path):
    >       assert area(2, Thing()) == 7
    E       assert <a.Thing object at 0x7ffa12bc9990> == 7

    test_a.py:5: AssertionError
    =========================== short test summary info ============================
    FAILED test_a.py::test_old - assert <a.Thing object at 0x7ffa12bc9990> == 7
    1 failed, 33 passed, 1 skipped in 61.50s (0:01:01)
    """,
    """
    .FF.............................                                         [100%]
    =========================== short test summary info ============================
    FAILED test_a.py::test_old - assert <a.Thing object at 0x7f0a12bc34d0> == 7
    FAILED test_a.py::test_new - TypeError: area() takes 1 positional argument
    2 failed, 30 passed in 0.05s
    """,
)

GO = (
    """
    --- FAIL: TestOld (0.00s)
        --- FAIL: TestOld/small (0.00s)
            a_test.go:5: got 6, want 7
    FAIL
    FAIL\texample.com/m/a\t0.003s
    ok  \texample.com/m/b\t0.012s
    FAIL
    """,
    """
    ok  \texample.com/m/b\t(cached)
    ?   \texample.com/m/c\t[no test files]
    --- FAIL: TestOld (0.01s)
        --- FAIL: TestOld/small (0.01s)
            a_test.go:5: got 6, want 7
    FAIL
    FAIL\texample.com/m/a\t1.203s
    FAIL
    """,
    """
    --- FAIL: TestOld (0.00s)
        --- FAIL: TestOld/small (0.00s)
            a_test.go:5: got 6, want 7
    --- FAIL: TestNew (0.00s)
        a_test.go:9: got 6, want 7
    FAIL
    FAIL\texample.com/m/a\t0.003s
    ok  \texample.com/m/b\t0.012s
    FAIL
    """,
)

JEST = (
    """
    PASS src/b.test.js
    FAIL src/a.test.js
      area
        \u2713 is an area (2 ms)
        \u2715 is old (3 ms)

      \u25cf area \u203a is old

        expect(received).toBe(expected) // Object.is equality

        Expected: 7
        Received: 6

          3 | test("is old", () => {
        > 4 |   expect(area(2, 3)).toBe(7);
            |                      ^
          5 | });

          at Object.toBe (src/a.test.js:4:22)

    Test Suites: 1 failed, 1 passed, 2 total
    Tests:       1 failed, 3 passed, 4 total
    Snapshots:   0 total
    Time:        0.512 s, estimated 1 s
    Ran all test suites.
    """,
    """
    FAIL src/a.test.js (5.1 s)
      area
        \u2715 is old (11 ms)
        \u2713 is an area

      \u25cf area \u203a is old

        expect(received).toBe(expected) // Object.is equality

        Expected: 7
        Received: 6

          3 | test("is old", () => {
        > 4 |   expect(area(2, 3)).toBe(7);
            |                      ^
          5 | });

          at Object.toBe (src/a.test.js:4:22)

    PASS src/b.test.js
    PASS src/c.test.js
    Test Suites: 1 failed, 2 passed, 3 total
    Tests:       1 failed, 5 passed, 6 total
    Snapshots:   0 total
    Time:        1.5 s
    Ran all test suites.
    """,
    """
    PASS src/b.test.js
    FAIL src/a.test.js
      area
        \u2715 is an area (2 ms)
        \u2715 is old (3 ms)

      \u25cf area \u203a is an area

      \u25cf area \u203a is old

    Test Suites: 1 failed, 1 passed, 2 total
    Tests:       2 failed, 2 passed, 4 total
    """,
)

RUFF_JSON = (
    '[{"filename": "a.py", "location": {"row": 1}, "code": "F401", "message": "unused", "fix": {"message": "x"}}]',
    '[{"filename": "a.py", "location": {"row": 1}, "code": "F401", "message": "unused", "fix": {"message": "y"}}]',
    """
    [{"filename": "a.py", "location": {"row": 1}, "code": "F401", "message": "unused"},
     {"filename": "web/b.py", "location": {"row": 1}, "code": "F401", "message": "unused"}]
    """,
)

ESLINT_JSON = (
    '[{"filePath": "a.ts", "messages": [{"line": 3, "message": "no", "ruleId": "semi"}], "errorCount": 1}]',
    """[{"filePath": "b.ts", "messages": [], "errorCount": 0},
    {"filePath": "a.ts", "messages": [{"line": 3, "message": "no", "ruleId": "semi"}], "errorCount": 1}]""",
    """[{"filePath": "a.ts", "messages": [{"line": 3, "message": "no", "ruleId": "semi"}], "errorCount": 1},
    {"filePath": "b.ts", "messages": [{"message": "cannot be parsed"}], "errorCount": 1}]""",
)

UNITTEST = (
    "F.\nFAIL: test_x (pkg.Case.test_x)\nRan 2 tests in 0.001s\n\nFAILED (failures=1)",
    ".F.\nFAIL: test_x (pkg.Case.test_x)\nRan 3 tests in 0.002s\n\nFAILED (failures=1)",
    "FE\nFAIL: test_x (pkg.Case.test_x)\nRan 2 tests in 0.001s\n\nFAILED (failures=1, errors=1)",
)

TOOLS = {
    "ruff": RUFF, "mypy": MYPY, "pyright": PYRIGHT, "tsc": TSC, "tsc --pretty": TSC_PRETTY,
    "cargo check": CARGO_CHECK, "cargo test --no-fail-fast": CARGO_TEST, "pytest -q": PYTEST, "go test": GO,
    "jest": JEST, "ruff, json": RUFF_JSON, "eslint, json": ESLINT_JSON, "unittest": UNITTEST,
}  # fmt: skip


@pytest.mark.parametrize("tool", TOOLS)
def test_an_old_failure_alone_is_told_from_a_new_one(tool: str) -> None:
    """Times, places, order and passing tests may differ; anything else said is new, or keeps it from being judged."""
    before, same, worse = TOOLS[tool]
    found = compared(before, same)
    assert (found.new, found.unclear, found.known > 0) == ([], "", True)
    found = compared(before, worse)
    assert found.new or found.unclear


OLD = "old.py:1:1: E1 old\n"

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


@settings(max_examples=40)
@given(st.lists(st.text(max_size=40), max_size=8), st.text(alphabet="abc FAIL\u25cf:1", max_size=30))
def test_any_output_is_compared(lines: list[str], more: str) -> None:
    """Whatever is printed, it says the same as itself, and lines of words that are added never go unseen."""
    before = OLD + "\n".join(lines)
    assert compared(before, before)[::2] == ([], "")
    found = compared(before, f"{before}\nzzz {more}")
    assert found.new or found.unclear
