"""What the index of a repository offers for one place: candidates with a score, for `core.context` to choose from.

Invariant: nothing of the hole itself is offered, also where the index knows an older text of the same file, and
nothing of it from near a secret.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from turnout.core import context, secrets
from turnout.core.context import Chunk
from turnout.core.documents import split_lines
from turnout.core.repository import Definition, Import, Repository

SIMILAR_LINES = 16
"""Lines of a similar place: enough to show how it went on."""

LEAST_ALIKE = 0.35
"""Less of what is of interest at the cursor, and a small model is led astray more often than helped (measured)."""

_SIMILAR_HITS = 40
_OWN_LINES = 1000
"""Lines of the file itself on either side of what the prompt shows that are looked through."""
_OWN_PLACES = 4
_OWN_MOST_CHARACTERS = 200_000
"""More than this in so many lines was written by no one."""
_QUERY_NAMES = 32
_BELONGS = 0.15
_TOP_LINES = 200
"""Imports stand no further down."""
_DEFINITIONS = 40
_MEMBERS = 8
_SIGNATURE_CHARACTERS = 400

_OWN_CHARACTERS = 400
_OWN = 0.5
_DEFINED = 0.25
"""Worth of the definition of a name that the file imports; twice that right at the cursor."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor in a file; of its `lines`, the prompt shows those from `first_line` to `last_line`."""

    path: str
    language: str
    prefix: str
    suffix: str
    first_line: int
    last_line: int
    lines: Sequence[str] = ()


def candidates(repository: Repository, place: Place) -> list[Chunk]:
    """Everything that may help at `place`; asks the index some ten times."""
    return [
        *_own(repository, place),
        *_definitions(repository, place),
        *_similar(repository, place),
        *_elsewhere(place),
        *_siblings(repository, place),
    ]


def _own(repository: Repository, place: Place) -> Iterator[Chunk]:
    """What the file itself imports and declares out of sight: the words that it is written with."""
    top = place.lines[: max(0, min(place.first_line, _TOP_LINES))]
    imports = context.import_lines(top, _OWN_CHARACTERS)
    outline = [one for one in repository.outline(place.path) if not _is_shown(one, place)]
    around = {
        one.name
        for one in repository.outline(place.path)
        if one.first_line <= place.first_line <= one.last_line
    }
    outline.sort(key=lambda one: (one.container not in around, abs(one.first_line - place.first_line)))
    left, kept = _OWN_CHARACTERS, list[Definition]()
    for one in outline:
        left -= len(one.signature[:_SIGNATURE_CHARACTERS]) + 1
        if left < 0:
            break
        kept.append(one)
    kept.sort(key=lambda one: one.first_line)
    text = imports + "\n".join(one.signature[:_SIGNATURE_CHARACTERS] for one in kept)
    if text:
        yield Chunk(place.path, text, "definition", _OWN, -1)


def _definitions(repository: Repository, place: Place) -> Iterator[Chunk]:
    """Signatures of what is named at the cursor, one chunk for each file that they come from.

    A file that the text does not import only happens to use the same names, unless it is the only one that does.
    """
    names = context.wanted_names(place.prefix, place.suffix)
    imports = repository.imports(place.path)
    found = repository.definitions(names, language=place.language, limit=_DEFINITIONS)
    by_path: dict[str, list[Definition]] = defaultdict(list)
    for definition in found:
        if not _is_shown(definition, place):
            by_path[definition.path].append(definition)
    for path, definitions in by_path.items():
        nearness = max(1 - names.index(definition.name) / len(names) for definition in definitions)
        if not (_imported(imports, path, definitions) or len(by_path) == 1):
            continue
        text = "\n".join(_outlines(repository, definitions))
        yield Chunk(path, text, "definition", _DEFINED * (1 + nearness), definitions[0].first_line)


def _outlines(repository: Repository, definitions: Sequence[Definition]) -> Iterator[str]:
    """Each definition's signature; a class is told with the signatures of its members."""
    for definition in dict.fromkeys(definitions):
        yield definition.signature[:_SIGNATURE_CHARACTERS]
        if definition.kind in ("class", "interface", "struct"):
            members = (m for m in repository.outline(definition.path) if m.container == definition.name)
            for member, _ in zip(members, range(_MEMBERS), strict=False):
                yield _indented(member.signature[:_SIGNATURE_CHARACTERS])


def _indented(signature: str) -> str:
    return signature if signature[:1].isspace() else "    " + signature


def _imported(imports: Sequence[Import], path: str, definitions: Sequence[Definition]) -> bool:
    """Whether the file imports one of `definitions` by name, or the module that they stand in."""
    names = {definition.name for definition in definitions} | {d.container for d in definitions}
    parts = path.rpartition(".")[0].split("/")
    for one in imports:
        module = _last(one.module)
        if {one.name, one.alias} & names and (not module or module in parts):
            return True
        if parts[-1] in (one.name, one.alias, module if not one.name else ""):
            return True
    return False


def _last(module: str) -> str:
    return module.replace("::", ".").replace("/", ".").rpartition(".")[2]


def _is_shown(definition: Definition, place: Place) -> bool:
    if definition.path != place.path:
        return False
    return definition.last_line >= place.first_line and definition.first_line <= place.last_line


def _similar(repository: Repository, place: Place) -> Iterator[Chunk]:
    """The lines of most interest in the most similar passages of other files, and what comes after them."""
    words = context.wanted_names(place.prefix, place.suffix, _QUERY_NAMES)
    if not words:
        return
    weights = context.interest(place.prefix, place.suffix)
    for hit in repository.similar(words, limit=_SIMILAR_HITS, exclude={place.path}):
        passage = hit.passage
        yield from _windows(passage.path, split_lines(passage.text), passage.first_line, weights)


def _elsewhere(place: Place) -> Iterator[Chunk]:
    """The lines of most interest in the file itself, as far as the prompt does not show them.

    They are counted from the nearer end of the file, so that what is typed between leaves them where they are. A place
    may hold half a secret that the other half tells: near one, nothing is taken.
    """
    weights = context.interest(place.prefix, place.suffix)
    step, count = SIMILAR_LINES // 4, len(place.lines)
    first = max(0, place.first_line - _OWN_LINES) // step * step
    after = place.last_line + 1 + (count - place.last_line - 1) % step
    above, below = place.lines[first : max(0, place.first_line)], place.lines[after : after + _OWN_LINES]
    if sum(map(len, above)) + sum(map(len, below)) > _OWN_MOST_CHARACTERS:
        return
    found = [
        *_windows(place.path, above, first, weights, _OWN_PLACES),
        *_windows(place.path, below, after - count, weights, _OWN_PLACES),
    ]
    if found and not secrets.find("".join(place.lines[first : after + _OWN_LINES])):
        yield from found


def _windows(
    path: str, lines: Sequence[str], first_line: int, weights: Mapping[str, float], count: int = 1
) -> Iterator[Chunk]:
    for start, alike in context.best_windows(lines, weights, SIMILAR_LINES, count):
        if alike >= LEAST_ALIKE:
            text = "".join(lines[start : start + SIMILAR_LINES])
            yield Chunk(path, text, "similar", alike, first_line + start)


def _siblings(repository: Repository, place: Place) -> Iterator[Chunk]:
    """Signatures of what belongs to the file: what it tests, or its header."""
    weights = context.interest(place.prefix, place.suffix)
    for path in repository.siblings(place.path)[:2]:
        outline = repository.outline(path)
        text = "\n".join(one.signature[:_SIGNATURE_CHARACTERS] for one in outline[:_MEMBERS])
        if text:
            yield Chunk(
                path, text, "sibling", _BELONGS + context.likeness(weights, text), outline[0].first_line
            )
