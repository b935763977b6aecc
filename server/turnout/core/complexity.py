"""How hard a request is taken to be, so that a route can have a chain for each tier.

The estimate adds points: for the kind of request, for the size of its prompt, and for the number of its files.
Up to none is `simple`, one or two are `standard`, three and more `complex`.
Invariant: a pure function of a few numbers; more text or more files never make a request simpler.
A word that is not in the tables changes nothing, in whatever language it is.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from turnout.core.requests import Kind, Tier

KIND_POINTS: Mapping[Kind, int] = {
    "inline": 0,
    "popup": 0,
    "document": 0,
    "commit_message": 0,
    "explain": 1,
    "fix": 1,
    "test": 1,
    "rewrite": 1,
    "refactor": 2,
}
"""What follows a pattern has none; what changes code has one, what changes it in many places two."""

SMALL_TOKENS = 1_000
LARGE_TOKENS = 8_000
MANY_FILES = 4
LONG_CHARACTERS = 600
"""Characters of an instruction that has much to be heeded."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


LITTLE = frozenset(
    _words(
        "rename renames renaming typo typos spelling misspelling format reformat indent indentation whitespace"
        " comment comments docstring docstrings capitalise capitalize"
        " umbenennen benenne tippfehler rechtschreibung formatieren formatiere einrücken kommentar kommentiere"
        " renomme renommer coquille coquilles orthographe formate formater indenter commentaire commentaires"
        " renombra renombrar errata erratas ortografía formatea formatear comentario comentarios"
        " renomear ortografia formatar comentário comentários"
        " rinomina rinominare refuso formattare commento commenti"
    )
)
"""Words for what follows a pattern, among the first of an instruction: that is where the imperative is."""
MUCH = _words(
    "redesign rearchitect architect architekt arquitect arquitet architett migrat migrier migrer migrar migraci migraç"
    " migraz concurren concorren nebenläufig deadlock multithread thread-safe parallelis paralleliz distribut asynchron"
    " backward rückwärtskompatib decouple entkoppel modulari everywhere überall partout codebase protocol protokoll"
    " scalab skalier vulnerab"
)
"""Beginnings of words for what changes the structure of a program, or has to be right in many places at once."""
LITTLE_SIGNS = (
    "重命名",
    "改名",
    "注释",
    "错别字",
    "格式化",
    "名前を変更",
    "コメント",
    "이름 변경",
    "주석",
    "переимен",
    "опечат",
)
MUCH_SIGNS = (
    "架构",
    "重新设计",
    "迁移",
    "并发",
    "設計し直",
    "アーキテクチャ",
    "移行",
    "並行",
    "아키텍처",
    "동시성",
    "архитектур",
    "миграц",
)
"""The same in writing without spaces, or with many endings: looked for anywhere."""

_ALSO_THINGS = frozenset({"format", "comment", "formate", "indent"})
"""Words that are an imperative only where they come first."""
_FIRST_WORDS = 5
_READ = 2_000
"""Characters of an instruction that are read."""
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")

_STANDARD_FROM = 1
_COMPLEX_FROM = 3


@dataclass(frozen=True, slots=True)
class Estimate:
    """A tier, and in words what made it so."""

    tier: Tier
    reason: str


def estimate(kind: Kind, input_tokens: int, files: int, instruction: str = "") -> Estimate:
    """The tier of a request whose prompt has about `input_tokens`, 0 where that is not known."""
    points = KIND_POINTS[kind]
    reasons = [f"{kind} ({points})"]
    for applies, change, text in (
        (0 < input_tokens < SMALL_TOKENS, -1, f"about {input_tokens} tokens"),
        (input_tokens >= LARGE_TOKENS, 1, f"about {input_tokens} tokens"),
        (files >= MANY_FILES, 1, f"{files} files"),
        *_said(instruction),
    ):
        if applies:
            points += change
            reasons.append(f"{text} ({change:+d})")
    return Estimate(_tier(points), ", ".join(reasons))


def _said(instruction: str) -> Iterator[tuple[bool, int, str]]:
    """What the words of the user's instruction change; one that asks for much asks for it all."""
    words = _WORD.findall(unicodedata.normalize("NFC", instruction[:_READ]).casefold())
    much = next((stem for word in words for stem in MUCH if word.startswith(stem)), None)
    first = enumerate(words[:_FIRST_WORDS])
    little = next((w for at, w in first if w in LITTLE and (at == 0 or w not in _ALSO_THINGS)), None)
    for signs, found in ((MUCH_SIGNS, 2), (LITTLE_SIGNS, -1)):
        sign = next((sign for sign in signs if sign in instruction[:_READ]), None)
        much = much or (sign if found > 0 else None)
        little = little or (sign if found < 0 else None)
    yield much is not None, 2, f"`{much}`"
    yield little is not None and much is None, -1, f"`{little}`"
    yield len(instruction) >= LONG_CHARACTERS, 1, "a long instruction"


def _tier(points: int) -> Tier:
    if points >= _COMPLEX_FROM:
        return "complex"
    return "standard" if points >= _STANDARD_FROM else "simple"
