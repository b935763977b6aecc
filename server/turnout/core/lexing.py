"""Strings, comments and brackets of source text, as far as regular expressions can tell them apart.

Invariant: one pass over the text that it is given, whatever that text is; where a language is unknown or its text is
broken the answer may be wrong, and whoever uses it has to leave things alone in doubt.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

Kind = Literal["code", "comment", "string"]

PAIRS = {"(": ")", "[": "]", "{": "}"}
CLOSERS = frozenset(PAIRS.values())


@dataclass(frozen=True, slots=True)
class Quote:
    """A kind of string; `code` begins an expression inside of it, and `where` is what has to stand before it.

    One that is `apart` does not begin behind a word or a closing bracket: an apostrophe of some text stands there.
    """

    open: str
    close: str
    lines: bool = False
    escapes: bool = True
    code: str = ""
    where: str = ""
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Lexicon:
    """How a language writes comments and strings."""

    comments: tuple[str, ...] = ()
    """What begins a comment that ends with its line, as regular expressions."""
    blocks: tuple[tuple[str, str], ...] = ()
    quotes: tuple[Quote, ...] = ()
    chars: bool = False
    """Whether a single quote holds one character; then a lone one is none (`'a` in Rust)."""
    regexes: bool = False
    texts: tuple[str, ...] = ()
    """Text around code, as regular expressions: what looks like a comment or string there is none.

    Each goes by what is before its end alone, and to the end of the text where nothing ends it.
    """


@dataclass(frozen=True, slots=True)
class Spot:
    """What a place in a text is: code, or inside a comment or string that began at `start` with `open`."""

    kind: Kind
    open: str = ""
    close: str = ""
    start: int = 0


CODE = Spot("code")


@dataclass(frozen=True, slots=True)
class Scan:
    """What a piece of text leaves behind: where it ends, what it leaves open, and which closers it has to spare."""

    spot: Spot
    open: tuple[str, ...]
    spare: tuple[tuple[int, str], ...]
    """Closing brackets, and ends of the string that it began in, without an opening one; and where they stand."""


def spot_at_end(text: str, language: str, start: int = 0) -> Spot:
    """What the end of `text` is, which is code at `start`."""
    last = last_token(text, language, start)
    return _left_open(last, lexicon_of(language)) if last is not None else CODE


def last_token(text: str, language: str, start: int = 0) -> "re.Match[str] | None":
    """The last comment or string of a `text` that is code at `start`; only this one can be open at its end."""
    found = _tokens(lexicon_of(language), brackets=False).finditer(text, start)
    last = deque(found, maxlen=1)  # the loop is left to the machine
    return last[0] if last else None


def scan(text: str, language: str, inside: Spot = CODE) -> Scan:
    """Go through a `text` that begins `inside` a place."""
    lexicon = lexicon_of(language)
    at, opened, spare = 0, list[str](), list[tuple[int, str]]()
    if inside.kind != "code":
        at = _end_of(inside, text)
        if at < 0:
            return Scan(inside, (), ())
        if inside.kind == "string" and text.startswith(inside.close, at - len(inside.close)):
            spare.append((at - len(inside.close), inside.close))
    spot = CODE
    for found in _tokens(lexicon, brackets=True).finditer(text, at):
        token = found.group()
        if token in PAIRS:
            opened.append(token)
        elif token in CLOSERS:
            if opened and PAIRS[opened[-1]] == token:
                opened.pop()
            elif not opened:
                spare.append((found.start(), token))
        spot = _left_open(found, lexicon)
    if spot.kind == "string":
        opened.append(spot.open)
    return Scan(spot, tuple(opened), tuple(spare))


def lexicon_of(language: str) -> Lexicon:
    """The lexicon of a language identifier; a common denominator where it is unknown."""
    return _LEXICONS.get(language, _UNKNOWN)


def is_code(language: str) -> bool:
    """Whether files of a language are mostly code, in which brackets have to match."""
    return language not in _PROSE


def is_data(language: str) -> bool:
    """Whether strings are what one writes in files of a language."""
    return language in _DATA or language in _PROSE


def is_prose(language: str) -> bool:
    """Whether text is what one writes in files of a language."""
    return language in _PROSE


def expression_in(text: str, spot: Spot, language: str) -> bool:
    """Whether the end of `text`, inside a string, is an expression in it (`f"{na|}"`)."""
    before = text[max(0, spot.start - 2) : spot.start]
    inner = text[spot.start + len(spot.open) :]
    for quote in lexicon_of(language).quotes:
        marked = not quote.where or re.search(quote.where + r"\Z", before)
        if quote.open == spot.open and quote.code and marked:
            begun = inner.rfind(quote.code)
            return begun >= 0 and _goes_on(inner[begun:], quote.code)
    return False


def _goes_on(expression: str, opener: str) -> bool:
    """Whether an expression in a string is not closed; the parentheses of calls in it count."""
    if "(" in opener:
        return expression.count("(") > expression.count(")")
    return "}" not in expression


def _left_open(found: "re.Match[str]", lexicon: Lexicon) -> Spot:
    """The place at the end of the text, if this token reaches it without an end of its own."""
    group = found.lastgroup
    if group is None or found.end() < len(found.string) or found.group(group):
        return CODE
    number = int(group[1:])
    if group[0] == "l":
        return Spot("comment", found.group()[:3], "\n", found.start())
    if group[0] == "b":
        return Spot("comment", *lexicon.blocks[number], found.start())
    quote = lexicon.quotes[number]
    return Spot("string", quote.open, quote.close, found.start())


def _end_of(spot: Spot, text: str) -> int:
    """Where a comment or string ends that `text` begins in; -1 where it does not."""
    if spot.kind == "comment":
        at = text.find(spot.close)
        return at if at < 0 or spot.close == "\n" else at + len(spot.close)
    lines = len(spot.open) > 1 or spot.open == "`"
    for found in re.finditer(r"\\.|\n|" + re.escape(spot.close), text, re.DOTALL):
        if found.group() == spot.close:
            return found.end()
        if found.group() == "\n" and not lines:
            return found.start()
    return -1


@cache
def _tokens(lexicon: Lexicon, *, brackets: bool) -> "re.Pattern[str]":
    return re.compile("|".join(_alternatives(lexicon, brackets=brackets)))


def _alternatives(lexicon: Lexicon, *, brackets: bool) -> Iterator[str]:
    """Comments and strings end with a group of their own, which is empty where the text ended first."""
    yield from lexicon.texts
    for number, (opener, closer) in enumerate(lexicon.blocks):
        yield rf"{re.escape(opener)}[\s\S]*?(?P<b{number}>{re.escape(closer)}|\Z)"
    for number, comment in enumerate(lexicon.comments):
        yield rf"(?:{comment})[^\n]*(?P<l{number}>)"
    for number, quote in enumerate(lexicon.quotes):
        apart = rf"(?<![\w)\]}}]{quote.open})" if quote.apart else ""
        yield rf"{re.escape(quote.open)}{apart}{_body(quote)}(?P<q{number}>{re.escape(quote.close)}|\Z)"
    if lexicon.chars:
        yield r"'(?:\\[^\n']{1,10}|[^'\\\n])'"
    if lexicon.regexes:
        yield r"(?<=[=(,:;!&|?{}\[\n ])/(?![/*\s])(?:\\.|\[(?:\\.|[^\]\\\n])*+\]|[^/\\\n\[])++/"
    if brackets:
        yield r"[()\[\]{}]"


def _body(quote: Quote) -> str:
    """What may stand in a string; possessive, so that no text makes the pattern go back."""
    first, rest = re.escape(quote.close[0]), re.escape(quote.close[1:])
    plain = rf"[^{first}{chr(92) * 2 if quote.escapes else ''}{'' if quote.lines else chr(92) + 'n'}]++"
    parts = [plain]
    if quote.escapes:
        parts.append(r"\\[\s\S]?+")
    if rest:
        parts.append(rf"{first}(?!{rest})")
    return f"(?:{'|'.join(parts)})*+"


_DOUBLE, _SINGLE = Quote('"', '"'), Quote("'", "'")
_F = r"[fF][rR]?|[rR][fF]"
_PYTHON = Lexicon(
    ("#",),
    (),
    (
        Quote('"""', '"""', lines=True, code="{", where=_F),
        Quote("'''", "'''", lines=True, code="{", where=_F),
        Quote('"', '"', code="{", where=_F),
        Quote("'", "'", code="{", where=_F),
    ),
)
_C = Lexicon(("//",), (("/*", "*/"),), (_DOUBLE,), chars=True)
_TEMPLATE = Quote("`", "`", lines=True, code="${")
_SCRIPT = Lexicon(("//",), (("/*", "*/"),), (_DOUBLE, _SINGLE, _TEMPLATE), regexes=True)
_TAKE_EXPRESSIONS = (
    r"as|await|case|default|delete|do|else|extends|from|import|in|instanceof|is|keyof|new|of|return|satisfies|throw"
    r"|typeof|void|yield"
)
_NO_SUCH_WORD = "".join(rf"(?<!\b{word} `)" for word in _TAKE_EXPRESSIONS.split("|"))
_JSX = Lexicon(
    ("//",),
    (("/*", "*/"),),
    (_DOUBLE, Quote("'", "'", apart=True), _TEMPLATE),
    regexes=True,
    # A backtick behind a blank and a word that no expression follows is a mark in the text of an element.
    texts=(rf"`(?<=\w `){_NO_SUCH_WORD}(?:[^`\r\n]*+`)?",),
)
_TRIPLE = Quote('"""', '"""', lines=True, code="${")
_JVM = Lexicon(("//",), (("/*", "*/"),), (_TRIPLE, Quote('"', '"', code="${")), chars=True)
_HASH = Lexicon(
    (r"(?<![^\s;])#",), (), (Quote('"', '"', lines=True), Quote("'", "'", lines=True, escapes=False))
)
_TO_PHP = r"(?:[^<]++|<(?!\?(?!xml)))*+(?:<\?)?"
_PHP = Lexicon(
    ("//", r"#(?!\[)"),
    (("/*", "*/"),),
    (Quote('"', '"', lines=True, code="{$"), Quote("'", "'", lines=True)),
    # Code begins at `<?php` or `<?=` and ends at `?>`, also in a comment; a piece of a file that begins without a tag
    # is code, too.
    texts=(
        rf"\A\s*+(?:\Z|(?=<[A-Za-z!/?]){_TO_PHP})",
        rf"\?>{_TO_PHP}",
        rf"(?://|#(?!\[))(?:[^\n?]++|\?(?!>))*+\?>{_TO_PHP}",
    ),
)
_UNKNOWN = Lexicon((), (("/*", "*/"),), (_DOUBLE,), chars=True)

_LEXICONS: dict[str, Lexicon] = {
    "python": _PYTHON,
    "typescript": _SCRIPT,
    **dict.fromkeys(("javascript", "javascriptreact", "typescriptreact", "vue", "svelte"), _JSX),
    **dict.fromkeys(("c", "cpp", "objective-c", "zig"), _C),
    "java": Lexicon(("//",), (("/*", "*/"),), (Quote('"""', '"""', lines=True), _DOUBLE), chars=True),
    **dict.fromkeys(("kotlin", "scala", "dart"), _JVM),
    "swift": Lexicon(
        ("//",),
        (("/*", "*/"),),
        (Quote('"""', '"""', lines=True, code="\\("), Quote('"', '"', code="\\(")),
        chars=True,
    ),
    "elixir": Lexicon((), (), (Quote('"', '"', code="#{"),), chars=True),
    "rust": Lexicon(
        ("//",), (("/*", "*/"),), (Quote('r#"', '"#', lines=True, escapes=False), _DOUBLE), chars=True
    ),
    "go": Lexicon(("//",), (("/*", "*/"),), (_DOUBLE, Quote("`", "`", lines=True, escapes=False)), chars=True),
    "csharp": Lexicon(
        ("//",),
        (("/*", "*/"),),
        (Quote('"""', '"""', lines=True, escapes=False), Quote('"', '"', code="{", where=r"\$@?|@\$")),
        chars=True,
    ),
    "php": _PHP,
    "ruby": Lexicon(
        (r"(?<!\S)#(?!\{)",),
        (("\n=begin", "\n=end"),),
        (Quote('"', '"', lines=True, code="#{"), _SINGLE, Quote("`", "`")),
    ),
    "lua": Lexicon(
        (r"--(?!\[\[)",),
        (("--[[", "]]"),),
        (Quote("[[", "]]", lines=True, escapes=False), _DOUBLE, _SINGLE),
    ),
    "shellscript": _HASH,
    "sql": Lexicon(("--",), (("/*", "*/"),), (_SINGLE, _DOUBLE)),
    **dict.fromkeys(("yaml", "dockerfile", "makefile", "ini", "properties"), Lexicon((r"(?<!\S)#",))),
    "toml": Lexicon(("#",), (), (Quote('"""', '"""', lines=True), _DOUBLE, _SINGLE)),
    **dict.fromkeys(("json", "jsonc"), Lexicon(("//",), (("/*", "*/"),), (_DOUBLE,))),
    **dict.fromkeys(("css", "scss", "less"), Lexicon((), (("/*", "*/"),), (_DOUBLE, _SINGLE))),
    **dict.fromkeys(("html", "xml"), Lexicon((), (("<!--", "-->"),))),
    **dict.fromkeys(("markdown", "plaintext", "latex", "restructuredtext", "git-commit"), Lexicon()),
}  # fmt: skip
_DATA = frozenset(
    {
        "json",
        "jsonc",
        "yaml",
        "toml",
        "ini",
        "properties",
        "css",
        "scss",
        "less",
        "sql",
        "dockerfile",
        "makefile",
        "shellscript",
    }
)
_PROSE = frozenset({"markdown", "plaintext", "latex", "restructuredtext", "git-commit", "html", "xml"})
