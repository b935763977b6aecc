"""An index in memory, over files that never change: what the real one answers, without a database."""

import re
from collections.abc import Collection, Sequence

from turnout.core.languages import language_of
from turnout.core.repository import Definition, Hit, Import, IndexState, Mention

_DEFINITION = re.compile(r"^(\s*)(?:def|class) (\w+).*:")
_IMPORT = re.compile(r"^(?:from (\w+) import (\w+)|import (\w+))")


class MemoryRepository:
    """Understands as much of Python as tests need; `state` may be changed."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = dict(sorted(texts.items()))
        self.now = IndexState(len(texts), 0, 0, building=False, problem="")

    def definitions(
        self, names: Sequence[str], *, language: str | None = None, limit: int = 50
    ) -> tuple[Definition, ...]:
        every = [found for path in self._texts for found in self.outline(path)]
        return tuple(found for name in names for found in every if found.name == name)[:limit]

    def outline(self, path: str) -> tuple[Definition, ...]:
        language = language_of(path)
        return tuple(
            Definition(path, language, found[2], "function", "x" if found[1] else "", line.rstrip(), row, row)
            for row, line in enumerate(self._texts.get(path, "").splitlines())
            if (found := _DEFINITION.match(line))
        )

    def imports(self, path: str) -> tuple[Import, ...]:
        lines = enumerate(self._texts.get(path, "").splitlines())
        return tuple(
            Import(path, found[1] or found[3], found[2] or "", "", row)
            for row, line in lines
            if (found := _IMPORT.match(line))
        )

    def importers(self, path: str, limit: int = 50) -> tuple[str, ...]:
        module = path.rpartition("/")[2].removesuffix(".py")
        every = (other for other in self._texts if any(i.module == module for i in self.imports(other)))
        return tuple(every)[:limit]

    def mentions(self, name: str, limit: int = 200) -> tuple[Mention, ...]:
        word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        return tuple(
            Mention(path, row, line)
            for path, text in self._texts.items()
            for row, line in enumerate(text.splitlines())
            if word.search(line)
        )[:limit]

    def similar(
        self, words: Sequence[str], *, limit: int = 20, exclude: Collection[str] = ()
    ) -> tuple[Hit, ...]:
        return ()

    def siblings(self, path: str) -> tuple[str, ...]:
        stem = path.rpartition("/")[2].removesuffix(".py")
        return tuple(other for other in self._texts if other.endswith(f"/test_{stem}.py"))

    def files(self) -> tuple[str, ...]:
        return tuple(self._texts)

    def state(self) -> IndexState:
        return self.now
