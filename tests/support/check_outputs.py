"""What checkers print about a project: with an old failure, with the same one after a change, and with more.

Invariant: the second of each three tells of nothing new, though it was printed by another run; the third does.
"""


def but(output: str, *others: tuple[str, str]) -> str:
    """`output` with other texts in the place of some, each of which it has."""
    for old, new in others:
        assert old in output
        output = output.replace(old, new)
    return output


RUFF_OLD = """
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
    """
RUFF = (
    RUFF_OLD,
    but(RUFF_OLD, ("2 |\n", "2 | import re\n"), ("3 | def area(w):", "3 |")),
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

MYPY_OLD = """
    a.py:4: error: Returning Any from function declared to return "int"  [no-any-return]
    Found 1 error in 1 file (checked 3 source files)
    """
MYPY = (
    MYPY_OLD,
    but(MYPY_OLD, ("a.py:4", "a.py:5"), ("checked 3", "checked 4")),
    """
    a.py:5: error: Returning Any from function declared to return "int"  [no-any-return]
    old.py:1: error: Missing positional argument "h" in call to "area"  [call-arg]
    Found 2 errors in 2 files (checked 3 source files)
    """,
)

PYRIGHT_OLD = """
    /a.py
      a.py:4:12 - error: Type "str" is not assignable to return type "int"
        "str" is not assignable to "int" (reportReturnType)
    1 error, 0 warnings, 0 informations
    """
PYRIGHT = (
    PYRIGHT_OLD,
    but(PYRIGHT_OLD, ("a.py:4", "a.py:5"), ("0 informations", "2 informations")),
    """
    /a.py
      a.py:5:12 - error: Type "str" is not assignable to return type "int"
        "str" is not assignable to "int" (reportReturnType)
    /old.py
      old.py:2:1 - error: Argument missing for parameter "h" (reportCallIssue)
    2 errors, 0 warnings, 0 informations
    """,
)

TSC_OLD = "a.ts(1,7): error TS2322: Type 'string' is not assignable to type 'number'."
TSC = (
    TSC_OLD,
    TSC_OLD,
    """
    a.ts(1,7): error TS2322: Type 'string' is not assignable to type 'number'.
    web/b.ts(1,7): error TS2554: Expected 2 arguments, but got 1.
    """,
)

TSC_PRETTY_OLD = """
    \x1b[96ma.ts\x1b[0m:\x1b[93m1\x1b[0m:\x1b[93m7\x1b[0m - \x1b[91merror\x1b[0m\x1b[90m TS2322: \x1b[0mNo number.

    \x1b[7m1\x1b[0m const a: number = "x";
    \x1b[7m \x1b[0m \x1b[91m      ~\x1b[0m


    Found 1 error in a.ts\x1b[90m:1\x1b[0m
    """
TSC_PRETTY = (
    TSC_PRETTY_OLD,
    TSC_PRETTY_OLD,
    """
    \x1b[96ma.ts\x1b[0m:\x1b[93m1\x1b[0m:\x1b[93m7\x1b[0m - \x1b[91merror\x1b[0m\x1b[90m TS2322: \x1b[0mNo number.

    \x1b[96mweb/b.ts\x1b[0m:\x1b[93m2\x1b[0m:\x1b[93m7\x1b[0m - \x1b[91merror\x1b[0m\x1b[90m TS2322: \x1b[0mNo text.


    Found 2 errors in 2 files.
    """,
)

CARGO_CHECK_OLD = """
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
    """
CARGO_CHECK = (
    CARGO_CHECK_OLD,
    but(
        CARGO_CHECK_OLD,
        ("    Checking", "    Blocking waiting for file lock on build directory\n        Checking"),
    ),
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

CARGO_TEST_OLD = """
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
    """
CARGO_TEST = (
    CARGO_TEST_OLD,
    but(
        CARGO_TEST_OLD,
        ("3.37s", "12.01s"),
        ("2eeb798e46b18181", "99eb798e46b18199"),
        ("running 2 tests\n    test tests::other ... ok\n", "running 3 tests\n"),
        (
            "tests::old ... FAILED\n",
            "tests::old ... FAILED\n    test tests::more ... ok\n    test tests::other ... ok\n",
        ),
        ("(23581)", "(99)"),
        ("1 passed", "2 passed"),
        ("0.73s", "1.00s"),
    ),
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

PYTEST_OLD = """
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
    """
PYTEST = (
    PYTEST_OLD,
    but(
        PYTEST_OLD,
        ("..F.............................  ", ".............F....................."),
        ("pytest-12", "pytest-13"),
        ("0x7f0a12bc34d0", "0x7ffa12bc9990"),
        ("31 passed in 0.05s", "33 passed, 1 skipped in 61.50s (0:01:01)"),
    ),
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
