"""From the parts of a prompt to what the model reads, laid out so that typing one character costs one token.

The usual order (prefix, suffix, middle) re-evaluates the whole suffix on every keystroke, because the prefix in
front of it grows. So the last lines of the prefix go after the middle token, where typing appends. Where the
window starts and where those lines begin is kept from one request of a document to the next (`Anchor`), and is
moved while nobody types (`settle`). Brackets and quotes that an editor closed by itself are not shown: they come
and go at the beginning of the suffix, and with it everything behind them would be evaluated again.

Invariant: text of the user never becomes a special token, and what the layout leaves out of the prompt to heal
the token at the cursor is exactly `forced`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from turnout.core.fim.families import Family, Heal

_MARK_CHARS = 200
_MAX_TAIL_LINES = 24
_REPO_NAME = "workspace"
_MAX_FORCED_CHARS = 64  # longer than any token; what is forced is generated once more
_AT_CURSOR = {"word": re.compile(r"(?:[ \t]*\w+)?\Z"), "blanks": re.compile(r"[ \t]*\w*\Z")}
_CLOSERS = re.compile(r"[ \t)\]}>\"'`;:,]*(?=[\r\n]|\Z)")
_QUOTED = str.maketrans({"\\": "\\\\", '"': '\\"', "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_LOOKS_SPECIAL = re.compile(r"(?=(<[^<>\s]{1,64}>|\[/?[A-Z_]{2,32}\]))")  # a lookahead, as names may overlap


_COMMENT_MARKS = {
    "#": frozenset(
        {"py", "pyi", "rb", "sh", "bash", "toml", "yaml", "yml", "pl", "r", "jl", "ex", "exs", "nix", "mk"}
    ),
    "--": frozenset({"lua", "sql", "hs", "elm", "ada"}),
}
"""How a comment begins, by the ending of a file's name; `//` for all others."""


@dataclass(frozen=True, slots=True)
class Special:
    """A token of the model's vocabulary, by its text."""

    text: str


Piece: TypeAlias = Special | str
"""What a prompt is made of; a string is plain text, tokenized by itself."""


@dataclass(frozen=True, slots=True)
class Window:
    """How many characters of each part a prompt may hold."""

    prefix_chars: int = 4000
    suffix_chars: int = 600
    chunk_chars: int = 4000

    def halved(self) -> "Window":
        """A window for text that takes more tokens than expected; other files are the first to go."""
        return Window(self.prefix_chars // 2, self.suffix_chars // 2, 0)


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where the last prompt of a document started and where its tail began, with the text found there."""

    head: str
    tail_at: int
    before_tail: str
    suffix: str


@dataclass(frozen=True, slots=True)
class Hole:
    """A place to fill, with the text around it and other files that may help."""

    path: str
    prefix: str
    suffix: str
    chunks: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """A prompt; the model's answer begins with `forced`, which is not to be inserted again."""

    pieces: tuple[Piece, ...]
    forced: str
    anchor: Anchor


def render(
    family: Family, hole: Hole, window: Window, previous: Anchor | None = None, *, settle: bool = False
) -> Layout:
    """Lay `hole` out for `family`; `previous` is the anchor of the document's last layout.

    With `settle`, for a prompt that nobody waits for, an anchor that has little room left is moved ahead of time.
    """
    start = _window_start(hole.prefix, window.prefix_chars, previous, settle=settle)
    prefix = hole.prefix[start:]
    following = without_closers(hole.suffix) if family.tail_lines else hole.suffix
    suffix = _whole_lines(following, window.suffix_chars)
    forced = _forced(prefix, family.heal)
    tail_at = _tail_start(prefix, suffix, family.tail_lines, previous, settle=settle)
    visible = prefix[: len(prefix) - len(forced)]
    head, tail = visible[:tail_at], visible[tail_at:]
    chunks = _with_room(hole.chunks, window.chunk_chars)
    pieces: list[Piece] = [Special(family.begin)] if family.begin else []
    pieces += _other_files(family, hole.path, chunks)
    pieces += _body(family, _heading(family, hole.path, chunks) + head, suffix, tail)
    anchor = Anchor(prefix[:_MARK_CHARS], tail_at, head[-_MARK_CHARS:], suffix)
    return Layout(tuple(piece for piece in pieces if piece), forced, anchor)


def without_closers(suffix: str) -> str:
    """`suffix` without brackets, quotes and blanks that are all that is left of the cursor's line."""
    found = _CLOSERS.match(suffix)
    return suffix[found.end() :] if found else suffix


def healing_grammar(forced: str) -> str:
    """A GBNF grammar of all texts that begin with `forced`.

    Newlines are allowed after it: otherwise the model could never end the line.
    """
    quoted = forced.translate(_QUOTED)
    return f'root ::= "{quoted}" ( [^\\n] | "\\n" )*'


def inert(text: str, is_special: Callable[[str], bool]) -> Iterator[str]:
    """Cut `text` so that no special token of the vocabulary lies whole within one piece.

    Engines tokenize each piece by itself, so a token's name that stands in a file stays mere characters.
    """
    done = 0
    for found in _LOOKS_SPECIAL.finditer(text):
        if is_special(found.group(1)):
            yield text[done : found.start() + 1]
            done = found.start() + 1
    if done < len(text):
        yield text[done:]


def _body(family: Family, head: str, suffix: str, tail: str) -> Sequence[Piece]:
    middle = [Special(family.middle)] if family.middle else []
    before: list[Piece] = [Special(family.prefix), head]
    after: list[Piece] = [Special(family.suffix), suffix]
    ordered = before + after if family.order == "PSM" else after + before
    return [*ordered, *middle, tail]


def _with_room(chunks: Sequence[tuple[str, str]], limit_chars: int) -> list[tuple[str, str]]:
    chosen = []
    for path, text in chunks:
        limit_chars -= len(text)
        if limit_chars >= 0:
            chosen.append((path, text))
    return chosen


def _other_files(family: Family, path: str, chunks: Sequence[tuple[str, str]]) -> Iterator[Piece]:
    """Other files, then the name of the one with the hole, in the tokens that the family was trained with."""
    if not (family.file and chunks):
        return
    if family.repo:
        yield Special(family.repo)
        yield _REPO_NAME + "\n"
    for other, text in chunks:
        yield Special(family.file)
        yield f"{other}\n{text.rstrip()}\n"
    yield Special(family.file)
    if not family.path_inside:
        yield path + "\n"


def _heading(family: Family, path: str, chunks: Sequence[tuple[str, str]]) -> str:
    """What the prefix begins with ahead of the file's own text: where there are no tokens for them, other files."""
    if not chunks:
        return ""
    if family.file:
        return path + "\n" if family.path_inside else ""
    mark = _comment_mark(path)
    others = (f"{mark} {other}\n{text.rstrip()}\n\n" for other, text in chunks)
    return "".join(others) + f"{mark} {path}\n"


def _comment_mark(path: str) -> str:
    ending = path.rpartition(".")[2].lower()
    return next((mark for mark, endings in _COMMENT_MARKS.items() if ending in endings), "//")


def _window_start(prefix: str, limit_chars: int, previous: Anchor | None, *, settle: bool) -> int:
    full = limit_chars * 7 // 8 if settle else limit_chars
    earliest = max(0, len(prefix) - full)
    latest = max(0, len(prefix) - limit_chars // 2)
    if previous is not None and previous.head:
        found = prefix.find(previous.head, earliest)
        if found == 0 or 0 < found <= latest:
            return found
    if earliest == 0:
        return 0
    # Room for a quarter of the window to be typed before the start has to move again.
    fresh = len(prefix) - limit_chars * 3 // 4
    line = prefix.find("\n", fresh, latest)
    return line + 1 if line >= 0 else fresh


def _tail_start(prefix: str, suffix: str, lines: int, previous: Anchor | None, *, settle: bool) -> int:
    if lines == 0:
        return len(prefix)
    if previous is not None and previous.suffix == suffix:
        at = previous.tail_at
        same = len(prefix) >= at and prefix[:at].endswith(previous.before_tail)
        most = min(_MAX_TAIL_LINES, 2 * lines) if settle else _MAX_TAIL_LINES
        if same and prefix.count("\n", at) < most:
            return at
    at = len(prefix)
    for _ in range(lines):
        at = prefix.rfind("\n", 0, at)
        if at < 0:
            return 0
    return at + 1


def _forced(prefix: str, heal: Heal) -> str:
    if heal == "nothing":
        return ""
    found = _AT_CURSOR[heal].search(prefix, max(0, len(prefix) - _MAX_FORCED_CHARS))
    return found.group() if found else ""


def _whole_lines(suffix: str, limit_chars: int) -> str:
    if len(suffix) <= limit_chars:
        return suffix
    end = suffix.rfind("\n", 0, limit_chars)
    return suffix[: end + 1] if end >= 0 else suffix[:limit_chars]
