"""Whether an action that documents code did that and nothing else.

Invariant: a text is only called unchanged where every line of it is still there, in order, and nothing but comments,
docstrings and empty lines came between them: nobody reads the diff of documentation for anything else.
"""

import re
from collections.abc import Sequence

from turnout.act.proposals import Check
from turnout.act.seams import Syntax
from turnout.core.documents import Snapshot, line_body
from turnout.core.edits.changes import FileChange
from turnout.core.lexing import Lexicon, lexicon_of

_ADDED = "it may add comments and documentation, and nothing else"


def documentation_check(
    file: Snapshot, change: FileChange, literal: frozenset[int] | None, syntax: Syntax
) -> Check:
    """What `change` did to the code of `file`; `literal` are the lines that begin inside a string. Parses.

    Without a grammar, each line that was added has to be a comment, and all others keep their blanks.
    """
    text = "".join(change.after)
    is_same = syntax.same_code(file.language, file.text, text)
    lost, added = _differences(file, change.after, literal or frozenset(), exactly=is_same is None)
    if lost is not None:
        return _changed(f"this line is gone: {lost.strip() or repr(lost)}")
    if is_same is None:
        lexicon = lexicon_of(file.language)
        code = next((line.strip() for line in added if not _is_comment(line.strip(), lexicon)), None)
        return Check("code unchanged", True) if code is None else _changed(f"{_ADDED}: {code}")
    return Check("code unchanged", True) if is_same else _changed(f"the code is not the same: {_ADDED}")


def _changed(why: str) -> Check:
    return Check("code unchanged", False, why)


def _differences(
    file: Snapshot, after: Sequence[str], inside: frozenset[int], *, exactly: bool
) -> tuple[str | None, list[str]]:
    """The first line that is not there any more, and those that were added."""
    written = iter([line_body(line) for line in after])
    added: list[str] = []
    for row, line in enumerate(file.lines):
        body, front, end = line_body(line), exactly or row in inside, row + 1 in inside
        if not body.strip() and not front:
            continue
        for other in written:
            if _equal(body, other, front, end):
                break
            added.append(other)
        else:
            return body, added
    return None, [*added, *written]


def _equal(body: str, other: str, front: bool, end: bool) -> bool:
    """Whether two lines are the same; blanks in front of them or at their end count where that is said."""
    if not front:
        body, other = body.lstrip(), other.lstrip()
    return body == other if end else body.rstrip() == other.rstrip()


def _is_comment(line: str, lexicon: Lexicon) -> bool:
    """Whether a line without blanks around it holds no code: it is empty, or a comment that ends with it."""
    if not line or any(re.match(comment, line) for comment in lexicon.comments):
        return True
    return any(
        line.startswith(opener) and line.find(closer, len(opener)) == len(line) - len(closer)
        for opener, closer in lexicon.blocks
    )
