"""How often completions say what the authors of real code wrote: with the repository's context, without, and plain PSM.

Everything is asked by `turnout.evaluate`, the code behind `turnout eval completions`, on repositories that the models
have not seen. A ratio is of holes met, so that ours must be larger.
"""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from bench.corpora import CORPORA, Corpus, Unavailable, fetched
from bench.report import Row
from turnout.core.fim import budget
from turnout.core.requests import Model
from turnout.evaluate import report
from turnout.evaluate.arms import LABELS, Arm
from turnout.evaluate.report import Filled
from turnout.evaluate.run import KINDS, Progress, Wanted, find_holes, run
from turnout.index import RepositoryIndex, Spec
from turnout.local import LocalBackend
from turnout.models import locate

NAME = "qwen2.5-coder-0.5b"
SEED = 1
TOKENS = 900
"""Room for a prompt: what two cores read in about six seconds."""

_INDEX_TIMEOUT_S = 600.0


def measure(
    weights: Path | None, count: int, *, kind: str = "line", seed: int = SEED, tokens: int = TOKENS
) -> list[Row]:
    """Fill `count` holes, about as many in each language; the whole report goes to stderr."""
    found: list[Filled] = []
    for corpus, share in _shares(count):
        try:
            root = fetched(corpus)
        except Unavailable as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        found += _fill(root, corpus, weights, Wanted(share, seed, KINDS[kind], (corpus.language,)), tokens)
    print("\n".join(report.lines(found)), file=sys.stderr)
    return [row for name, holes in report.groups(found) for row in _rows(name, holes)]


def _shares(count: int) -> Iterator[tuple[Corpus, int]]:
    by_language: dict[str, list[Corpus]] = defaultdict(list)
    for corpus in CORPORA:
        by_language[corpus.language].append(corpus)
    for corpora in by_language.values():
        each = count / len(by_language) / len(corpora)
        for corpus in corpora:
            yield corpus, max(1, round(each))


def _fill(root: Path, corpus: Corpus, weights: Path | None, wanted: Wanted, tokens: int) -> list[Filled]:
    gaps = find_holes(root, wanted, lambda _path: True)
    name = str(weights) if weights is not None else NAME
    progress = Progress()
    progress.changed = lambda: print(
        f"{corpus.name}: {len(progress.done)} of {progress.of} holes", file=sys.stderr, flush=True
    )
    with tempfile.TemporaryDirectory() as folder:
        index = RepositoryIndex(Spec(root, Path(folder) / "index.db"))
        try:
            index.build()
            index.wait(_INDEX_TIMEOUT_S)
            model = Model("measured", "local", name)
            run(lambda: LocalBackend(locate), model, budget.divided(tokens), index, gaps, progress)
        finally:
            index.close()
    return progress.done


def _rows(name: str, holes: list[Filled]) -> Iterator[Row]:
    figures = report.summary(holes)["arms"]
    ours = figures["context"]
    limits: dict[Arm, float] = {"plain": 1 / 2, "bare": 1 / 1.2}
    for arm, limit in limits.items():
        theirs = figures[arm]
        yield Row(
            f"{name}: met by {LABELS[arm]}, of {len(holes)}",
            "",
            theirs["exact"],
            ours["exact"],
            "with repository context",
            limit,
            "ratio",
        )
        yield Row(f"{name}: letters not met", "%", _wrong(ours), _wrong(theirs), LABELS[arm], 1.0, "ratio")


def _wrong(figures: dict[str, float]) -> float:
    return 100 * (1 - figures["similarity"])
