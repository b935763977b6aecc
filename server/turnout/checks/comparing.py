"""Whether a check that fails with and without a change says more with it.

Invariant: nothing new is said only where both runs ended alike, all that they printed was compared, and every line of
the later one is a known problem, is in the earlier one, or tells of no failure, and no fewer tests passed. Times,
places and the order of tests differ between any two runs, so they are not compared.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from turnout.checks.counting import fewer
from turnout.checks.running import Ran
from turnout.core.edits.changes import FileChange
from turnout.core.newness import fresh
from turnout.core.problems import Problem, told_in

_MOST_COUNTED = 10_000
_SHOWN_OF_LINE = 200
_LONGEST = 2_000  # of a line that is taken apart; what is longer has no form that people read

_STOPPED = re.compile(
    r"stopping after \d+ failures|Interrupted: \d+ errors? during collection"  # pytest
    r"|errors prevented further checking"  # mypy
    r"|^FAIL\t\S+ \[(?:build|setup) failed\]|\btoo many errors\b"  # go, and clang for the second
    r"|^g?make(?:\[\d+\])?: \*\*\* |^npm (?:ERR!|error) |\bELIFECYCLE\b"  # what comes behind a step did not run
    r"|^error\[E043[23]\]"  # rustc, which looks at no types where an import is not found
    r"|^Bail out!"  # TAP
    # What a tool says in place of a run, as where its settings name what is not in the copy.
    r"|^ImportError while loading conftest |^ERROR: (?:usage: |file or directory not found: |not found: )"  # pytest
    r"|^Oops! Something went wrong|\berror TS(?:5\d{3}|6053|18003): |^ruff failed$|^mypy: "
    r"|^There was a critical error during execution of Flake8|^error: (?:Workspace |Failed to )",  # the last: uv
    re.MULTILINE,
)
_UNPARSED = re.compile(
    r"\(errors prevented further checking\)$"  # mypy
    r"|^error(?:\[E0(?:586|748|758|76[2356])\])?: "  # rustc, whose parser gives most of its errors no number
    r"(?!could not compile|aborting due|test failed|\d+ target)"
    r"[^\n]*\n +--> [^\n]*\.rs:(?!.*(?:\n.+){0,40}#!?\[)",  # nor has a lint, which names its attribute
    re.MULTILINE,
)
_CARGO_STOPPED = re.compile(r"^error: test failed, to rerun pass", re.MULTILINE)
_CARGO_ENDED = re.compile(r"^error: \d+ targets? failed:", re.MULTILINE)

_TIME = r"\d+(?:\.\d+)? ?(?:ns|µs|us|ms|s|sec|seconds?)\b"
_NOISE = re.compile(
    r"\b\d{4}-\d\d-\d\d(?:[T ](?=\d\d:))?|\(?\b\d+:\d\d:\d\d(?:[.,]\d+)?Z?\b\)?"  # days and times of day
    rf"|\({_TIME}\)|\[ *{_TIME}\]|(?:\t|\b(?:in|after|took|estimated|[Tt]ime:) +){_TIME}"
    r"|^(?P<vitest> *\u00d7 .*) \d+ms$"
    r"|\b0x[0-9a-fA-F]{6,}\b|(?<=-)[0-9a-f]{16}\b|(?<=[Ss]eed)[=: ]+\d+|(?<=\bpid)[=: ]+\d+"
    r"|(?<=/pytest-)\d+|(?<=/go-build)\d+|(?<=/tmp)[a-z0-9_]{8}\b|(?<=turnout-check-)\w+"
    r"|(?<=^thread ')(?P<thread>[^']*)' \(\d+\)|\[ *\d+%\]|\[gw\d+\]"
)
_BAD = r"(?:fail\w*|errors?|problems?|issues?|warnings?|violations?|broken|fatal|crash\w*|findings?|offen[cs]es?)"
_BAD_COUNT = re.compile(
    rf"\b(?P<before>\d+)(?P<words>(?: +[a-z]+){{0,2}}? +{_BAD})\b"
    rf"|\b(?P<label>{_BAD})(?: ?[=:] ?)(?P<behind>\d+)\b",
    re.IGNORECASE,
)
_GOOD_COUNT = re.compile(
    r"\b\d+ (?:passed|skipped|ignored|measured|filtered out|total|deselected|xfailed|informations?|fixable"
    r"|hidden fix(?:es)?|files? (?:already formatted|left unchanged|would be left unchanged))\b"
    r"|\bin (?:\d+ (?:source )?files?|the same file)\b|\bchecked \d+ source files?\b|(?<=^Found) +in \S.*"
    r"|; +emitted\b|\(\d+ duplicates?\)|\(run `cargo .*\)"
)
_PROGRESS = re.compile(r"(?:\S+\.py )?[.FEsxX]+(?: +\[ *\d+%\])?")
_HARMLESS = re.compile(
    r"(?:running|Ran|collected|collecting) .*\b\d+ (?:tests?|items?)(?: in [\d.]+s)?"
    r"|test .* \.\.\. (?:ok|ignored)|\S+::.* (?:PASSED|SKIPPED|XFAIL)(?: +\(.*\))?(?: +\[ *\d+%\])?"  # cargo, pytest
    r"|=== (?:RUN|PAUSE|CONT|NAME) +\S+|--- (?:PASS|SKIP): \S+ \([\d.]+s\)"  # go
    r"|(?:ok|\?) *\t\S+\t(?:[\d.]+s|\(cached\)|\[no test files\])"
    r"(?:\tcoverage: (?:[\d.]+% of statements(?: in \S+(?:, \S+)*)?|\[no statements\]))?(?: \[no tests to run\])?"
    r"|(?:\S+\.py|TOTAL)(?: +\d+){2,4} +[\d.]+%(?: +\d[-\d, >exit]*)?"  # coverage
    r"|\d+\.\d+s +(?:call|setup|teardown) +\S+::.*|\(\d+ durations < [\d.]+s hidden\..*\)"  # pytest --durations
    r"|\d+ workers? \[\d+ items?\]|\[gw\d+\] \[ *\d+%\] (?:PASSED|SKIPPED|XFAIL) \S+::.*"  # pytest-xdist
    r"|(?:\[\*\] )?(?:\d+|No) [a-z ]*\bfix(?:es|able)?\b.*`--(?:unsafe-fixes|fix)\b.*"  # ruff
    r"|PASS(?: +\S+)?(?: \([\d.]+ m?s\))?"  # jest, and go at the end
    r"|(?:Compiling|Checking) \S+ v\d\S*(?: \(.*\))?|Finished `\w+` profile .*|Running .*\(target/.*\)|Doc-tests \S+"
    r"|Blocking waiting for file lock on .*|For more information about (?:this|an) error, try `rustc --explain \w+`\."
    r"|Some errors have detailed explanations: [\w, ]+\."
)
_TICKED = re.compile(r"\s+[\u2713\u221a\u25cb] (?!.*\b(?:crash|panic|fatal|abort))\S.*")
"""A test of jest, mocha or vitest, which stands below its file or its group."""
_MARKS = re.compile(
    r"^\s*(?:\d+\s*)?(?:[|>+-] |[|>]$)|[\^~]+|(?<!\w)[-=_*!.]{2,}(?!\w)|(?<!\w)[(),;|.:]+(?!\w)"
)
_GUTTER = re.compile(r"\s*(?:>\s*)?(?:\d+\s)?\s*(?:[|>+-]\s)?\s*")
_VALUE = re.compile(r"(?<![\w./\\:-])([\w-]*):(?=\d)")  # behind a word that is no file stands no line of one
_PLACE = re.compile(
    r"(?<![\w./\\@+-])(?P<path>[\w./\\@+-]+\.\w+):(?P<line>\d+)|\"(?P<file>[^\"]+)\", line (?P<row>\d+)"
)


class Side:
    """A check that failed, with the change or without; `is_file` tells names of files from other words."""

    def __init__(self, ran: Ran, is_file: Callable[[str], bool]) -> None:
        self.ran = ran
        self.is_file = is_file
        self.told = told_in(ran.output, is_file)

    @property
    def is_whole(self) -> bool:
        """Whether all that was printed is there to be compared."""
        return self.ran.whole and self.told.whole


class Comparison(NamedTuple):
    """The problems that are `new` with a change, of `known` ones; `unclear` is why others cannot be ruled out."""

    new: Sequence[Problem]
    known: int
    unclear: str = ""


def compare(after: Side, before: Side, changes: Sequence[FileChange]) -> Comparison:
    """What a check that fails with and without `changes` says of them. Reads: call it in a thread."""
    count = len(after.told.problems)
    if not (after.is_whole and before.is_whole):
        return Comparison((), count, "it prints too much to be compared")
    if _UNPARSED.search(before.ran.output):
        return Comparison(
            (), count, "it stops at a file that cannot be parsed, so it did not look at everything"
        )
    new = fresh(after.told.problems, before.told.problems, changes)
    return Comparison(new, count, "" if new else _unclear(after, before, changes))


def _unclear(after: Side, before: Side, changes: Sequence[FileChange]) -> str:
    status = after.ran.status
    if status is None or status < 0 or status != before.ran.status:
        return "it does not end in the same way"
    if _stopped_early(after.ran.output):
        return "it stops at a failure, so it did not look at everything"
    if not after.told.problems:
        return "it names no problem in a known form"
    old = {line.strip() for change in changes for line in change.before}
    new = {line.strip() for change in changes for line in change.after}
    more = fresh(
        _statements(after.told.rest, after.is_file, new),
        _statements(before.told.rest, before.is_file, old),
        changes,
    )
    if more:
        return f"it says what it did not say before: {more[0].text[:_SHOWN_OF_LINE]}"
    return fewer(before.ran.output, after.ran.output)


def _stopped_early(output: str) -> bool:
    """Whether a check says that it did not look at everything, because of a failure."""
    if _STOPPED.search(output):
        return True
    return bool(_CARGO_STOPPED.search(output)) and not _CARGO_ENDED.search(output)


def _statements(
    rest: Iterable[str], is_file: Callable[[str], bool], source: Collection[str]
) -> Iterator[Problem]:
    """What the lines `rest` of an output say, each statement as a problem, so that new ones can be told from old.

    A number of failures is as many statements, so that it may fall and must not rise. `source` are the lines of changed
    files without blanks around them: that a check quotes other ones is the change itself.
    """
    for line in rest:
        if _is_quoted(line, source):
            continue
        if _PROGRESS.fullmatch(line.strip()):
            yield from [Problem("", 0, "a test in the row")] * (line.count("F") + line.count("E"))
            continue
        if len(line) > _LONGEST:
            yield Problem("", 0, line)
            continue
        if _is_harmless(line):
            continue
        plain = _NOISE.sub(lambda found: found["thread"] or found["vitest"] or "", line)
        uncounted = _GOOD_COUNT.sub(" ", _BAD_COUNT.sub(" ", plain))
        if said := _words(uncounted):
            yield _placed(said, uncounted, is_file)
        yield from _counted(plain, said)


def _is_harmless(line: str) -> bool:
    """Whether a line tells of no failure, whatever else is said."""
    return (_TICKED.fullmatch(line) or _HARMLESS.fullmatch(line.strip())) is not None


def _is_quoted(line: str, source: Collection[str]) -> bool:
    gutter = _GUTTER.match(line)
    return gutter is not None and gutter[0] != "" and line[gutter.end() :].strip() in source


def _words(text: str) -> str:
    """What is written in `text`, without what only draws; nothing where it has no letter and no digit."""
    kept = " ".join(_MARKS.sub(" ", _VALUE.sub(r"\1=", text)).split())
    return kept if any(char.isalnum() for char in kept) else ""


def _placed(said: str, text: str, is_file: Callable[[str], bool]) -> Problem:
    """A statement about the first line of a file that it names, so that it moves along with that line."""
    for found in _PLACE.finditer(text):
        path = (found["path"] or found["file"]).replace("\\", "/").removeprefix("./")
        if is_file(path):
            return Problem(path, int(found["line"] or found["row"]), said)
    return Problem("", 0, said)


def _counted(plain: str, said: str) -> Iterator[Problem]:
    """One statement for each failure that a line counts."""
    for found in _BAD_COUNT.finditer(plain):
        number = int(found["before"] or found["behind"])
        what = (found["words"] or found["label"]).strip().lower().removesuffix("s")
        if number > _MOST_COUNTED:
            yield Problem("", 0, f"{said} {what} {number}")
        yield from [Problem("", 0, f"{said} {what}")] * min(number, _MOST_COUNTED)
