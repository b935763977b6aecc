"""Secrets out of a prompt, and back into its answer.

Invariant: a secret has the same placeholder wherever it is in one prompt, and no line is added or lost; an answer is
only passed on with every placeholder turned back into what it stood for, and is refused where one is spoiled.
"""

import json
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from string import ascii_lowercase, ascii_uppercase

from turnout.core.prompts import ChatPrompt, FimPrompt, Message, Prompt
from turnout.core.secrets.scan import Finding, finding
from turnout.errors import RedactionLost

_LONGEST = 96
"""Characters of the longest placeholder; below that, one is as long as what it stands for, if it can be."""
_LEAST_REPEATED = 10
"""Characters of a secret that is looked for everywhere else in its prompt: shorter ones may be plain words."""
_LEAST_MARK = 8
"""Characters at the end of an answer that are taken for the beginning of a placeholder, and not of a word."""
_UPPER = str.maketrans(ascii_lowercase, ascii_uppercase)
"""Every character keeps its place: `str.upper` makes two of some."""


@dataclass(frozen=True, slots=True)
class Redacted:
    """A prompt without its secrets; `counts` are their kinds and how many of each.

    `originals` is what each placeholder stands for, by its number, and is never to be written anywhere;
    `mark` is what every placeholder begins with, and nothing else in the prompt does.
    """

    prompt: Prompt
    counts: tuple[tuple[str, int], ...] = ()
    originals: Mapping[int, str] = field(default_factory=dict)
    mark: str = ""

    def __repr__(self) -> str:
        """Without the prompt and the secrets."""
        return f"Redacted(counts={self.counts!r})"


def redacting(prompt: Prompt) -> Generator[None, None, Redacted]:
    """`prompt` without its secrets, in steps of well under a millisecond each for a prompt of 200 kB."""
    texts = _texts(prompt)
    found: list[list[Finding]] = []
    if isinstance(prompt, FimPrompt):
        whole = yield from finding(prompt.prefix + prompt.suffix)
        found += _on_both_sides(whole, len(prompt.prefix))
    for text in texts[len(found) :]:
        found += [(yield from finding(text))]
    if not any(found):
        return Redacted(prompt, (), {}, "")
    mark = _mark(texts)
    numbers = _numbered(texts, found)
    counts = _counts(texts, found)
    yield from _repeated(texts, found, numbers)
    written = []
    for text, findings in zip(texts, found, strict=True):
        written.append(_without(text, findings, numbers, mark))
        yield
    originals = {number: value for value, number in numbers.items()}
    return Redacted(_with_texts(prompt, written), counts, originals, mark)


class Restorer:
    """Puts secrets back into an answer as it arrives."""

    def __init__(self, redacted: Redacted) -> None:
        self._originals = redacted.originals
        self._mark = redacted.mark
        self._whole = re.compile(re.escape(redacted.mark) + r"(\d{1,6})_x*_", re.ASCII)
        self._beginning = re.compile(r"(?:\d{0,6}|\d{1,6}_X{0,200})\Z", re.ASCII)
        self._held = ""

    def feed(self, text: str) -> str:
        """What can be passed on now; raises RedactionLost where a placeholder is spoiled."""
        if not self._mark:
            return text
        self._held += text
        cut = self._settled()
        ready, self._held = self._held[:cut], self._held[cut:]
        return self._restored(ready)

    def rest(self) -> str:
        """What was held back until the end; raises RedactionLost where that is a part of a placeholder."""
        held, self._held = self._held, ""
        if len(held) >= _LEAST_MARK and self._mark.startswith(held.translate(_UPPER)):
            raise _lost()
        return self._restored(held)

    def whole(self, json_text: str) -> str:
        """A text of JSON that came at once, such as the arguments of a tool call."""
        return self._restored(json_text, lambda value: json.dumps(value)[1:-1])

    def _settled(self) -> int:
        """Where something begins that may yet become a placeholder, or where the text ends."""
        held = self._held.translate(_UPPER)
        at = held.rfind(self._mark)
        if at >= 0 and self._beginning.match(held, at + len(self._mark)):
            return at
        for size in range(min(len(self._mark) - 1, len(held)), 0, -1):
            if self._mark.startswith(held[-size:]):
                return len(held) - size
        return len(held)

    def _restored(self, text: str, written: Callable[[str], str] = str) -> str:
        if not self._mark or self._mark not in text.translate(_UPPER):
            return text
        pieces = self._whole.split(text)
        if any(self._mark in piece.translate(_UPPER) for piece in pieces[::2]):
            raise _lost()
        numbers = [int(number) for number in pieces[1::2]]
        if not all(number in self._originals for number in numbers):
            raise _lost()
        originals = [written(self._originals[number]) for number in numbers]
        return "".join(chain.from_iterable(zip(pieces[::2], [*originals, ""], strict=True)))


def _lost() -> RedactionLost:
    return RedactionLost(
        "Its answer spoiled the placeholder of a secret that was kept here, so it cannot be used.",
        advice="Ask again, or take the secret out of the file.",
    )


def _texts(prompt: Prompt) -> list[str]:
    """Every text of a prompt that a model is shown, but for its own thoughts: those are of what it was shown before."""
    if isinstance(prompt, ChatPrompt):
        return [text for message in prompt.messages for text in _texts_of(message)]
    shown = [(chunk.path, chunk.text) for chunk in prompt.context]
    return [prompt.prefix, prompt.suffix, prompt.path, *chain.from_iterable(shown)]


def _texts_of(message: Message) -> list[str]:
    return [message.content, *(call.arguments for call in message.calls)]


def _with_texts(prompt: Prompt, texts: Sequence[str]) -> Prompt:
    """`prompt` with other texts, in the order of `_texts`."""
    if isinstance(prompt, ChatPrompt):
        left = iter(texts)
        return replace(prompt, messages=tuple(_with_texts_of(message, left) for message in prompt.messages))
    chunks = zip(prompt.context, texts[3::2], texts[4::2], strict=True)
    context = tuple(replace(chunk, path=path, text=text) for chunk, path, text in chunks)
    return replace(prompt, prefix=texts[0], suffix=texts[1], path=texts[2], context=context)


def _with_texts_of(message: Message, left: Iterator[str]) -> Message:
    content = next(left)
    return replace(
        message,
        content=content,
        calls=tuple(replace(call, arguments=next(left)) for call in message.calls),
    )


def _on_both_sides(findings: Iterable[Finding], cursor: int) -> tuple[list[Finding], list[Finding]]:
    """What was found in a file, before and after the cursor; a secret that the cursor is in is on both sides."""
    before, after = [], []
    for one in findings:
        if one.start < cursor:
            before.append(replace(one, end=min(one.end, cursor)))
        if one.end > cursor:
            after.append(replace(one, start=max(one.start, cursor) - cursor, end=one.end - cursor))
    return before, after


def _mark(texts: Sequence[str]) -> str:
    """What placeholders begin with: a word that is in none of `texts`."""
    marks = chain(("TURNOUT_REDACTED_",), (f"TURNOUT_HIDDEN{number}_" for number in count(1)))
    return next(mark for mark in marks if not any(mark in text.upper() for text in texts))


def _numbered(texts: Sequence[str], found: Sequence[Sequence[Finding]]) -> dict[str, int]:
    """The number of every secret, in the order in which they come."""
    numbers: dict[str, int] = {}
    for text, findings in zip(texts, found, strict=True):
        for one in findings:
            numbers.setdefault(text[one.start : one.end], len(numbers) + 1)
    return numbers


def _repeated(
    texts: Sequence[str], found: list[list[Finding]], numbers: Mapping[str, int]
) -> Generator[None, None, None]:
    """Add to `found` where else the secrets are: in places where nothing tells that they are any."""
    for value in numbers:
        if len(value) < _LEAST_REPEATED or not any(c.isdigit() for c in value):
            continue
        for text, findings in zip(texts, found, strict=True):
            for start in _occurrences(text, value):
                place = bisect_left(findings, start, key=lambda one: one.start)
                free = not findings[place - 1 : place] or findings[place - 1].end <= start
                if free and (place == len(findings) or findings[place].start >= start + len(value)):
                    findings.insert(place, Finding("", start, start + len(value), -1))
            yield


def _occurrences(text: str, value: str) -> Iterable[int]:
    at = text.find(value)
    while at >= 0:
        yield at
        at = text.find(value, at + len(value))


def _without(text: str, findings: Sequence[Finding], numbers: Mapping[str, int], mark: str) -> str:
    """`text` with placeholders for what was found in it."""
    pieces: list[str] = []
    at = 0
    for one in findings:
        value = text[one.start : one.end]
        pieces += (text[at : one.start], _placeholder(numbers[value], value, mark))
        at = one.end
    return "".join([*pieces, text[at:]])


def _placeholder(number: int, value: str, mark: str) -> str:
    begin = f"{mark}{number}_"
    return f"{begin}{'x' * (min(len(value), _LONGEST) - len(begin) - 1)}_"


def _counts(texts: Sequence[str], found: Sequence[Sequence[Finding]]) -> tuple[tuple[str, int], ...]:
    """Kinds and how many different secrets of each; the lines of one key are one secret."""
    secrets: dict[tuple[str, ...], str] = {}
    for text, findings in zip(texts, found, strict=True):
        groups: dict[int, list[Finding]] = {}
        for one in findings:
            groups.setdefault(one.group, []).append(one)
        for pieces in groups.values():
            secrets[tuple(text[piece.start : piece.end] for piece in pieces)] = pieces[0].kind
    return tuple(sorted(Counter(secrets.values()).items()))
