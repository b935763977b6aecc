"""Lines of instructions, read with the headings that they stand below.

Invariant: a line is changed only where it is an item below `Never`, `Do not` or the like, and then says so itself.
"""

import re
from collections.abc import Iterator

ITEM = re.compile(r"\s*(?:[-*+]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?(.*)")
ROW = re.compile(r"\s*\|(.*)\|\s*$")
_HEADING = re.compile(r"\s{0,3}(#{1,6})\s+(.*)")
_BOLD_HEADING = re.compile(r"\s{0,3}(?:\*\*|__)(.+?)(?:\*\*|__):?\s*$")
_NEVER = re.compile(
    r"[\W_]*(?:(?:what|things|you|we|agents)\s+)?(?:(?:must|should|may|do|to)\s+)?"
    r"(?:never|not|don't|don'ts)(?:\s+(?:to|ever|do|this|these|the following))*[\W_]*",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"^(?P<start>\s{0,60}(?:[-*+]|\d{1,3}[.)])\s{1,9}[^\w`]{0,60})"
    r"(?P<verb>(?:touch|edit|modify|change|alter|update|overwrite|delete|rename|move|remove|make)\b)",
    re.IGNORECASE,
)


def outlined(text: str) -> Iterator[tuple[int, str, bool]]:
    """Number (from 1) and text of each line, and whether it is in a block of code; fences are left out."""
    depth = 0  # of the heading that makes orders of what is below it; 0 for none
    label: int | None = None  # indentation of the line that does so with its list; -1 for a paragraph
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
            continue
        if fenced:
            yield number, line, True
            continue
        if found := heading(line):
            depth = found[0] if _NEVER.fullmatch(found[1][:100]) else (depth if found[0] > depth else 0)
        if label is not None and not goes_on(line, label):
            label = None
        yield (
            number,
            _ORDER.sub(r"\g<start>Never \g<verb>", line, count=1) if depth or label is not None else line,
            False,
        )
        item = ITEM.match(line)
        said = (item[1] if item else line).rstrip("*_ ")
        if said.endswith(":") and _NEVER.fullmatch(said[:100]):
            label = indentation(line) if item else -1


def heading(line: str) -> tuple[int, str] | None:
    """Depth and title of a heading; one in bold is below all others."""
    if found := _HEADING.match(line):
        return len(found[1]), found[2]
    found = _BOLD_HEADING.match(line)
    return (7, found[1]) if found else None


def goes_on(line: str, announced: int) -> bool:
    """Whether `line` belongs to the list below a line that is indented by `announced`, or not at all (-1)."""
    indent = indentation(line)
    return not line.strip() or (indent > announced and (is_entry(line) or indent > 1))


def is_entry(line: str) -> bool:
    """Whether `line` is an item of a list or a row of a table."""
    return bool(ITEM.match(line) or ROW.match(line))


def indentation(line: str) -> int:
    """Blanks at the start of `line`."""
    return len(line) - len(line.lstrip())
