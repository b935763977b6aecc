"""Findings for people and for programs."""

import json
import shutil
import textwrap
from collections.abc import Sequence

from turnout import __version__
from turnout.doctor.findings import Finding

FORMAT = 1
"""Raised when a program that reads the JSON would have to change."""

_MARKS = {"ok": "ok", "note": "note", "problem": "PROBLEM"}
_COLOURS = {"ok": "\x1b[32m", "note": "\x1b[33m", "problem": "\x1b[31m"}
_PLAIN = "\x1b[0m"
_MOST_COLUMNS = 120


def text(findings: Sequence[Finding], *, colour: bool, columns: int | None = None) -> str:
    """One paragraph per finding, aligned, and a sentence that counts them."""
    columns = min(columns or shutil.get_terminal_size((100, 24)).columns, _MOST_COLUMNS)
    width = max((len(finding.topic) for finding in findings), default=0)
    lines = [line for finding in findings for line in _paragraph(finding, width, columns, colour=colour)]
    return "\n".join([*lines, "", _summary(findings)])


def _paragraph(finding: Finding, width: int, columns: int, *, colour: bool) -> list[str]:
    mark = f"{_MARKS[finding.level]:7}"
    if colour:
        mark = f"{_COLOURS[finding.level]}{mark}{_PLAIN}"
    indent = " " * (width + 11)
    room = max(columns - len(indent), 30)
    body = textwrap.wrap(finding.text, room, break_on_hyphens=False) or [""]
    if finding.advice:
        body += textwrap.wrap(f"-> {finding.advice}", room, break_on_hyphens=False, subsequent_indent="   ")
    first, *rest = body
    return [f"{mark}  {finding.topic:{width}}  {first}", *(f"{indent}{line}" for line in rest)]


def _summary(findings: Sequence[Finding]) -> str:
    problems = sum(finding.level == "problem" for finding in findings)
    notes = sum(finding.level == "note" for finding in findings)
    if problems:
        return f"{_counted(problems, 'problem')} and {_counted(notes, 'note')}."
    return f"No problems; {_counted(notes, 'note')}." if notes else "No problems."


def _counted(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def as_json(findings: Sequence[Finding]) -> str:
    """The same for programs; docs/doctor.md says what stands in it."""
    return json.dumps(
        {
            "format": FORMAT,
            "turnout": __version__,
            "ok": is_well(findings),
            "findings": [
                {
                    "topic": finding.topic,
                    "level": finding.level,
                    "text": finding.text,
                    "advice": finding.advice,
                    "facts": dict(finding.facts),
                }
                for finding in findings
            ],
        },
        indent=2,
    )


def is_well(findings: Sequence[Finding]) -> bool:
    """Whether nothing is a problem."""
    return not any(finding.level == "problem" for finding in findings)
