"""How many tests a check says that it ran to a good end, and how many it left out.

Invariant: counts of different forms are never added up, so that a tool that says the same in two ways counts once; a
tool in none of these forms counts no tests.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from turnout.core.problems import uncoloured


class Tally(NamedTuple):
    """Tests that passed, that failed, and that were left out: skipped, say, or not selected."""

    passed: int = 0
    failed: int = 0
    left_out: int = 0


class _Form(NamedTuple):
    """How a tool counts; without a number, each line counts as one test. Of what `ran`, the others did not pass."""

    passed: str = ""
    failed: str = ""
    left_out: str = ""
    ran: str = ""


_FORMS = (
    _Form(  # pytest, jest, vitest, cargo, mocha, Playwright
        r"\b(\d+) pass(?:ed|ing)\b",
        r"\b(\d+) (?:failed|failing|xpassed)\b",
        r"\b(\d+) (?:skipped|deselected|ignored|filtered out|todo|xfailed|pending)\b",
    ),
    _Form(  # unittest
        ran=r"^Ran (\d+) tests? in ",
        failed=r"\b(?:failures|errors|unexpected successes)=(\d+)",
        left_out=r"\b(?:skipped|expected failures)=(\d+)",
    ),
    _Form(r"^[ \t]*(--- PASS: )", r"^[ \t]*(--- FAIL: )", r"^[ \t]*(--- SKIP: )"),  # go test -v
    _Form(r"^(ok) +\t\S+\t(?!.*\[no tests)", r"^(FAIL)\t", r"^(?:ok|\?) *\t.*(\[no test)"),  # go, of packages
    _Form(  # TAP
        r"^[ \t]*(ok) \d+\b(?!.*# (?i:skip|todo))",
        r"^[ \t]*(not ok) \d",
        r"^[ \t]*(ok) \d+\b.*# (?i:skip|todo)",
    ),
    _Form(  # node --test
        r"^(?:#|\u2139) pass (\d+)$", r"^(?:#|\u2139) fail (\d+)$", r"^(?:#|\u2139) (?:skipped|todo) (\d+)$"
    ),
    _Form(  # JUnit, PHPUnit
        ran=r"\bTests run: (\d+)|\bOK \((\d+) tests?,|^Tests: (\d+), Assertions: ",
        failed=r"\b(?:Failures|Errors): (\d+)",
        left_out=r"\b(?:Skipped|Incomplete): (\d+)",
    ),
    _Form(  # RSpec
        ran=r"\b(\d+) examples?, ", failed=r"\bexamples?, (\d+) failures?", left_out=r", (\d+) pending"
    ),
    _Form(ran=r"\btests failed out of (\d+)", failed=r"\b(\d+) tests failed out of"),  # CTest
    _Form(r"\b(?:Passed|Success) ?:\s*(\d+)", r"\bFailed ?:\s*(\d+)", r"\bSkipped:\s*(\d+)"),  # .NET, plenary
    _Form(r"\b(\d+) success(?:es)? /", r"\b(\d+) (?:failure|error)s? /", r"/ (\d+) pending"),  # busted
    _Form(  # go test -json, jest --json
        r'"Action":"(pass)"|"numPassedTests": ?(\d+)',
        r'"Action":"(fail)"|"numFailedTests": ?(\d+)',
        r'"Action":"(skip)"|"num(?:Pending|Todo)Tests": ?(\d+)',
    ),
)
_OF_FILES = re.compile(r"^ *(?:Test Suites:|Test Files |Snapshots:).*", re.MULTILINE)  # jest and vitest
_ROW = re.compile(r"^(?:\S+\.py +)?([.FEsxX]+)(?: +\[ *\d+%\])?$", re.MULTILINE)  # all that pytest -qq prints


def tallies(output: str) -> Mapping[int, Tally]:
    """The tests that `output` counts, by the form in which it does; empty where it is of no test run."""
    text = _OF_FILES.sub("", uncoloured(output))
    row = "".join(_ROW.findall(text))
    found = {number: _tally(form, text) for number, form in enumerate(_FORMS)}
    found[-1] = Tally(row.count("."), row.count("F") + row.count("E"), sum(map(row.count, "sxX")))
    return {number: tally for number, tally in found.items() if any(tally)}


def fewer(before: str, after: str) -> str:
    """Why the output `after` a change is of a lesser test run than that `before`; empty where it is not."""
    old, new = tallies(before), tallies(after)
    for form in sorted(old.keys() | new.keys()):
        was, now = old.get(form, Tally()), new.get(form, Tally())
        if now.passed < was.passed:
            return f"fewer tests pass with the change ({now.passed}) than without it ({was.passed})"
        if now.left_out - was.left_out > max(0, sum(now) - sum(was)):
            return (
                f"more tests are left out with the change ({now.left_out}) than without it ({was.left_out})"
            )
    return ""


def _tally(form: _Form, text: str) -> Tally:
    passed, failed, left_out, ran = (_sum(pattern, text) for pattern in form)
    if not form.ran:
        return Tally(passed, failed, left_out)
    return Tally(max(0, ran - failed - left_out), failed, left_out) if ran else Tally()


def _sum(pattern: str, text: str) -> int:
    """What the groups of `pattern` count in `text`; one each where they are no numbers."""
    if not pattern:
        return 0
    values = (found[found.lastindex or 0] for found in re.finditer(pattern, text, re.MULTILINE))
    return sum(int(value[:9]) if value.isdecimal() else 1 for value in values)
