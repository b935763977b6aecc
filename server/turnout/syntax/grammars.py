"""Grammars by the language identifiers that editors use.

Invariant: nothing is imported before its language is first asked for.
tree-sitter holds the interpreter while it parses, in a thread too: 5 ms per 1,000 lines in which the server does
nothing else. So trees are kept, and what asks at every cursor move leaves longer texts alone.
"""

from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Tree

MAX_KEPT_CHARACTERS = 200_000
"""Longest text whose tree is kept; about 5,000 lines, which take 30 ms."""
MAX_KEPT_TREES = 4

_GRAMMARS = {
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "csharp": ("tree_sitter_c_sharp", "language"),
    "go": ("tree_sitter_go", "language"),
    "java": ("tree_sitter_java", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "javascriptreact": ("tree_sitter_javascript", "language"),
    "lua": ("tree_sitter_lua", "language"),
    "php": ("tree_sitter_php", "language_php"),
    "python": ("tree_sitter_python", "language"),
    "ruby": ("tree_sitter_ruby", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "shellscript": ("tree_sitter_bash", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "typescriptreact": ("tree_sitter_typescript", "language_tsx"),
}
_ALIASES = {
    "bash": "shellscript",
    "sh": "shellscript",
    "c-sharp": "csharp",
    "cs": "csharp",
    "tsx": "typescriptreact",
}
_ALIASES |= {"jsx": "javascriptreact"}


def is_known(language: str) -> bool:
    """Whether there is a grammar for `language`."""
    return canonical(language) in _GRAMMARS


def canonical(language: str) -> str:
    """The identifier that grammars are kept by: `shellscript` for `bash`, any other language as it is."""
    return _ALIASES.get(language, language)


def parse(language: str, text: str) -> "Tree":
    """The tree of `text`, whose rows are the lines of `documents.split_lines`. Raises KeyError for other languages.

    The same tree again for one of the last MAX_KEPT_TREES texts, if it has at most MAX_KEPT_CHARACTERS.
    """
    return _kept(language, text) if len(text) <= MAX_KEPT_CHARACTERS else parse_once(language, text)


@lru_cache(maxsize=MAX_KEPT_TREES)
def _kept(language: str, text: str) -> "Tree":
    return parse_once(language, text)


def parse_once(language: str, text: str) -> "Tree":
    """The same as `parse` for a text that is not asked about again."""
    from tree_sitter import Parser

    return Parser(grammar(language)).parse(source(text))


def source(text: str) -> bytes:
    """`text` as it is parsed, whose rows are its lines."""
    return text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")


@cache
def grammar(language: str) -> "Language":
    """The grammar of `language`, imported now if it has not been. Raises KeyError where there is none."""
    from importlib import import_module

    from tree_sitter import Language

    module, function = _GRAMMARS[canonical(language)]
    return Language(getattr(import_module(module), function)())
