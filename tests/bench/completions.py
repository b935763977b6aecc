"""How often completions say what the authors of real code wrote: with the repository's context, without, and plain PSM.

Everything is asked by `turnout.evaluate`, the code behind `turnout eval completions`, on repositories that the models
have not seen, in all of them by turns. A ratio is of holes met, so that ours must be larger.
"""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from bench.copying import Copier
from bench.corpora import CORPORA, Corpus, Unavailable, fetched
from bench.report import Row
from turnout.core.fim import budget
from turnout.core.models import Model
from turnout.evaluate import report
from turnout.evaluate.arms import LABELS, Arm
from turnout.evaluate.keeping import Kept, maker
from turnout.evaluate.report import Filled
from turnout.evaluate.run import KINDS, Progress, Site, Wanted, find_holes, run
from turnout.index import RepositoryIndex, Spec
from turnout.local import LocalBackend
from turnout.models import locate

NAME = "qwen2.5-coder-0.5b"
SEED = 1
TOKENS = 900
"""Room for a prompt: what two cores read in about six seconds."""

_INDEX_TIMEOUT_S = 600.0


def measure(
    weights: Path | None,
    count: int,
    *,
    kind: str = "line",
    seed: int = SEED,
    tokens: int = TOKENS,
    keep: Path | None = None,
    copying: bool = False,
) -> list[Row]:
    """Fill `count` holes, about as many in each language; the whole report goes to stderr.

    With `copying`, a stand-in that writes what stood in the prompt takes the model's place: for choosing a context.
    """
    kept = Kept(keep, maker()) if keep is not None else None
    progress = Progress()
    progress.changed = lambda: print(
        f"{len(progress.done)} of {progress.of} holes", file=sys.stderr, flush=True
    )
    name = "copier" if copying else str(weights) if weights is not None else NAME
    with ExitStack() as stack:
        sites = []
        for corpus, share in _shares(count):
            wanted = Wanted(share, seed, KINDS[kind], (corpus.language,))
            try:
                sites.append(_site(corpus, wanted, stack))
            except Unavailable as error:
                print(f"left out: {error}", file=sys.stderr)
        local = Copier if copying else lambda: LocalBackend(locate)
        run(local, Model("measured", "local", name), budget.divided(tokens), sites, progress, kept)
    print("\n".join(report.lines(progress.done)), file=sys.stderr)
    return [row for name, holes in report.groups(progress.done) for row in _rows(name, holes)]


def _shares(count: int) -> Iterator[tuple[Corpus, int]]:
    by_language: dict[str, list[Corpus]] = defaultdict(list)
    for corpus in CORPORA:
        by_language[corpus.language].append(corpus)
    for corpora in by_language.values():
        each = count / len(by_language) / len(corpora)
        for corpus in corpora:
            yield corpus, max(1, round(each))


def _site(corpus: Corpus, wanted: Wanted, stack: ExitStack) -> Site:
    """A corpus with its holes and its index, which goes with `stack`."""
    root = fetched(corpus)
    gaps = find_holes(root, wanted, lambda _path: True)
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    index = stack.enter_context(closing(RepositoryIndex(Spec(root, Path(folder) / "index.db"))))
    index.build()
    index.wait(_INDEX_TIMEOUT_S)
    return Site(corpus.package, index, gaps, wanted.seed)


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
