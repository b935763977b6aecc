"""How far an answer goes that begins at the cursor: to the end of the line, or to that of the block.

Invariant: a block that is whole is never cut, and nothing behind it is kept.
"""

from turnout.core import lexing
from turnout.core.documents import split_lines
from turnout.core.holes import indent_of
from turnout.core.lexing import CLOSERS, PAIRS
from turnout.core.trimming.place import Place

MAX_LINES = 40

_CLOSING_RUN = frozenset(")]};,")
_END_WORDS = {
    "ruby": ("end",),
    "lua": ("end",),
    "shellscript": ("fi", "done", "esac"),
    "elixir": ("end",),
    "julia": ("end",),
}
"""Words that close a block from its own indentation, as brackets do elsewhere."""

_WITH_DIRECTIVES = frozenset({"c", "cpp", "csharp", "objective-c"})
"""Where `#if` stands at the beginning of a line, whatever is around it."""


def keep_shape(text: str, place: Place) -> str:
    """One line where a line is wanted, else what belongs to the block."""
    if place.shape == "line":
        return _first_line(text, place)
    end = end_of_block(text, place)
    kept = text if end is None else text[:end]
    lines = kept.split("\n")
    return kept if len(lines) <= MAX_LINES else "\n".join(lines[:MAX_LINES])


def drop_closed_below(text: str, place: Place) -> str:
    """Drop a last line that closes the block where the line below the cursor does, at the same indentation.

    How much is open far above and closed far below is not known in a long file; this is.
    """
    kept, broken, last = text.rstrip().rpartition("\n")
    below = place.hole.below
    run = last.strip()[: _closers_at(last.strip())]
    if place.shape == "line" or not broken or not run or indent_of(last) >= _body_indent(text, place):
        return text
    return kept.rstrip() if indent_of(below) == indent_of(last) and below.strip().startswith(run) else text


def is_over(text: str, place: Place) -> bool:
    """Whether more of the answer could not change what is kept of it."""
    if place.shape == "line":
        return "\n" in (text if place.hole.head.strip() else text.lstrip("\n"))
    if text.count("\n") > MAX_LINES:
        return True
    end = end_of_block(text, place)
    return end is not None and end < len(text)


def end_of_block(text: str, place: Place) -> int | None:
    """Where the block ends that `text` goes on with; None where it may go on behind the text."""
    body = _body_indent(text, place)
    depth, blank, at, spot = 0, False, 0, place.spot
    for number, line in enumerate(split_lines(text)):
        inside = depth > 0 or spot.kind != "code"
        if number and line.strip() and not inside:
            ended = _ended_before(line, body, place, blank=blank)
            if ended is not None:
                return at + ended if ended else _end_of_text(text, at)
        scanned = lexing.scan(line, place.language, spot)
        closing = _brackets(scanned.spare, depth, place.language)
        if len(closing) > depth:
            return at + _end_of_run(line, closing[depth])
        depth += sum(opener in PAIRS for opener in scanned.open) - len(closing)
        blank, spot, at = not line.strip(), scanned.spot, at + len(line)
    return None


def _first_line(text: str, place: Place) -> str:
    if place.hole.head.strip() or not text.startswith("\n"):
        return text.split("\n", 1)[0]
    # The model began a line of its own: its indentation is there already.
    return text.lstrip("\n").split("\n", 1)[0].removeprefix(place.hole.head)


def _body_indent(text: str, place: Place) -> int:
    """Columns that lines of the block are indented by, at the least."""
    head = place.hole.head
    if not head.strip():
        first = text.split("\n", 1)[0]
        return indent_of(head + first) if first.strip() else indent_of(head)
    following = next((line for line in text.split("\n")[1:] if line.strip()), "")
    return max(indent_of(following), indent_of(head) + 1)


def _ended_before(line: str, body: int, place: Place, *, blank: bool) -> int | None:
    """Where in a line the block is over: at 0, behind a word that closes it, or None where the line belongs to it."""
    indent, said = indent_of(line), line.strip()
    if indent < body:
        words = _END_WORDS.get(place.language, ())
        if not line.endswith("\n") and any(word.startswith(said) for word in words):
            return None  # it may become one
        if said in words and place.hole.below.strip() != said:
            return len(line.rstrip())
        if said.startswith("#") and place.language in _WITH_DIRECTIVES:
            return None
        return None if said[0] in CLOSERS else 0
    if blank and not place.hole.is_opened and indent <= body and said[0] not in CLOSERS:
        return 0  # what was announced is there; this is something else
    return None


def _end_of_text(text: str, at: int) -> int:
    return len(text[:at].rstrip())


def _brackets(spare: tuple[tuple[int, str], ...], depth: int, language: str) -> list[int]:
    """Where brackets stand that close something from before; `depth` of them may be of the text itself."""
    patterns = language == "shellscript" and not depth  # `case` writes `a)` in front of what it does
    return [at for at, closer in spare if closer in CLOSERS and not (patterns and closer == ")")]


def _closers_at(said: str) -> int:
    """How many brackets `said` begins with that close something."""
    return len(said) - len(said.lstrip("".join(CLOSERS)))


def _end_of_run(line: str, start: int) -> int:
    """Where the closers end that begin at `start`: `});`."""
    end = start
    while end < len(line) and line[end] in _CLOSING_RUN:
        end += 1
    return end
