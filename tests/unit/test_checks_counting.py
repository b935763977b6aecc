"""A check in which fewer tests pass than without a change says nothing of what those tests would find."""

import sys
from pathlib import Path

import pytest

from turnout.act.proposals import verdict
from turnout.checks import judging, run_checks
from turnout.checks.comparing import Side, compare
from turnout.checks.counting import fewer
from turnout.checks.running import Ran
from turnout.core.edits.changes import file_change
from turnout.files import Folder

CARGO = "test result: ok. {} passed; 0 failed; {} ignored; 0 measured; 0 filtered out; finished in 0.1s"
MAVEN = "[INFO] Tests run: {}, Failures: 0, Errors: 0, Skipped: {}"

LESSER = [
    ("pytest, skipped", "9 passed in 1s", "9 skipped in 1s"),
    ("pytest, deselected", "9 passed in 1s", "2 passed, 7 deselected in 1s"),
    ("pytest, gone", "1 failed, 89 passed in 1s", "1 failed in 1s"),
    ("pytest, a failing one skipped", "1 failed, 9 passed in 1s", "9 passed, 1 skipped in 1s"),
    ("pytest, expected to fail", "9 passed in 1s", "7 passed, 2 xfailed in 1s"),
    ("pytest -qq", "....F [100%]", "..ssF [100%]"),
    ("pytest, a file", "t.py .... [100%]", "t.py . [100%]"),
    ("no test run any more", "9 passed in 1s", "nothing to do"),
    ("jest", "Test Suites: 1 passed\nTests: 4 passed, 4 total", "Test Suites: 3 passed\nTests: 3 passed"),
    ("jest, in colours", "Tests: \x1b[32m5 passed\x1b[0m", "Tests: \x1b[32m4 passed\x1b[0m"),
    ("vitest", " Tests  1 failed | 5 passed (6)", " Tests  1 failed | 1 passed | 4 skipped (6)"),
    ("mocha", "  5 passing (3ms)", "  1 passing (3ms)\n  4 pending"),
    ("unittest, gone", "Ran 9 tests in 1s\nFAILED (failures=1)", "Ran 1 test in 1s\nFAILED (failures=1)"),
    ("unittest, skipped", "Ran 9 tests in 1s\nOK", "Ran 9 tests in 1s\nOK (skipped=8)"),
    ("cargo", CARGO.format(5, 0), CARGO.format(0, 5)),
    ("cargo, of two crates", CARGO.format(5, 0) + "\n" + CARGO.format(2, 0), CARGO.format(6, 0)),
    ("go -v", "--- PASS: TestA (0.00s)\n    --- PASS: TestA/b (0.00s)\nok", "--- PASS: TestA (0.00s)\nok"),
    ("go", "ok  \tm/a\t0.1s\nok  \tm/b\t(cached)", "ok  \tm/a\t0.1s\n?   \tm/b\t[no test files]"),
    ("go, none that is named so", "ok  \tm/a\t0.1s", "ok  \tm/a\t0.1s [no tests to run]"),
    ("go -json", '{"Action":"pass"}\n{"Action":"pass"}', '{"Action":"pass"}\n{"Action":"skip"}'),
    ("TAP", "ok 1 - a\nok 2 - b", "ok 1 - a\nok 2 - b # SKIP"),
    ("node", "\u2139 pass 5\n\u2139 skipped 0", "\u2139 pass 4\n\u2139 skipped 1"),
    ("Maven", MAVEN.format(5, 0), MAVEN.format(5, 2)),
    ("PHPUnit", "OK (5 tests, 9 assertions)", "OK (4 tests, 8 assertions)"),
    ("RSpec", "5 examples, 0 failures", "5 examples, 0 failures, 1 pending"),
    ("CTest", "100% tests passed, 0 tests failed out of 5", "100% tests passed, 0 tests failed out of 4"),
    (".NET", "Failed: 0, Passed: 5, Skipped: 0", "Failed: 0, Passed: 4, Skipped: 1"),
    ("busted", "5 successes / 0 failures / 0 errors / 0 pending", "4 successes / 0 failures / 0 errors / 1"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), [row[1:] for row in LESSER], ids=[row[0] for row in LESSER])
def test_a_lesser_test_run_is_told(before: str, after: str) -> None:
    """Where fewer tests pass, or more are left out than are new; the other way round nothing is wrong."""
    assert "than without it" in fewer(before, after)
    assert fewer(before, before) == ""
    old = "a.py:1: E501 long\n"
    now, was = (Side(Ran(1, old + text), {"a.py"}.__contains__) for text in (after, before))
    assert compare(now, was, []).unclear


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2 failed, 8 passed", "1 failed, 9 passed, 1 skipped"),
        ("9 passed", "10 passed, 1 skipped"),
        ("9 skipped", "9 passed"),
        ("1 failed, 9 passed", "10 passed"),
        ("1 error in 1s", "9 passed, 2 skipped in 1s"),
        ("Test Suites: 3 passed\nTests: 3 passed", "Test Suites: 1 passed\nTests: 3 passed"),
        ("All checks passed!", "All checks passed!"),
        ("", "5 files ignored"),
    ],
)
def test_a_test_run_that_is_no_lesser(before: str, after: str) -> None:
    """More tests may pass, and new ones may be left out."""
    assert fewer(before, after) == ""


async def judged(root: Path, before: str, after: str, *, status: int) -> tuple[str, str]:
    """The state and the message of a check that prints what stands in a file, whose text a change replaces."""
    (root / "said.txt").write_text(before)
    (root / "a.py").write_text("x = 1\n")
    folder = Folder(root)
    change = file_change("edit", folder.uri("said.txt"), "said.txt", (before,), (after,))
    command = f"{sys.executable} -c 'print(open(\"said.txt\").read()); raise SystemExit({status})'"
    checks = await run_checks(folder, [change], [command])
    return verdict(checks).state, checks[0].message


@pytest.mark.parametrize("status", [0, 1])
async def test_a_lesser_test_run_is_not_called_passed(tmp_path: Path, status: int) -> None:
    """Whether the check fails for another reason, or passes: a change may break what is no longer looked at."""
    old = "a.py:1: E501 long\n" if status else ""
    state, message = await judged(tmp_path, f"{old}9 passed", f"{old}9 skipped", status=status)
    assert (state, "fewer tests pass with the change (0) than without it (9)" in message) == ("partly", True)
    assert message.startswith("could not be judged: ")
    assert await judged(tmp_path, f"{old}9 passed", f"{old}9 passed, 1 skipped", status=status) == (
        "verified",
        "failed before too; none of its 1 problems is new" if status else "",
    )


async def test_a_check_that_passed_soon_is_not_waited_for_without_the_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time is bound by that of the run with it, and what was not compared is said."""
    monkeypatch.setattr(judging, "_MORE_S", 0.0)
    folder = Folder(tmp_path)
    before, after = ("import time; time.sleep(10**6)\n",), ("print('1 passed')\n",)
    (tmp_path / "a.py").write_text(before[0])
    change = file_change("edit", folder.uri("a.py"), "a.py", before, after)
    check, *_ = await run_checks(folder, [change], [f"{sys.executable} a.py"])
    assert (check.ok, check.ran) == (True, False)
    assert check.message.startswith(
        "could not be judged: it passes, but without the change it did not end within "
    )


def test_a_long_gap_in_an_output_is_read_in_linear_time() -> None:
    """A run of blank lines would take minutes otherwise, in which nothing else is done."""
    gap = "\n" * 50_000
    assert "than without it" in fewer(f"--- PASS: TestA{gap}--- PASS: TestB\n", f"--- PASS: TestA{gap}")
