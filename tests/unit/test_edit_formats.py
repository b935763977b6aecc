"""The form of edits is chosen by model and file size: the user's word, then what was measured here, then a table."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from support.act_kit import LOCAL, REMOTE
from turnout.core.edits.formats import BUILT_IN, LEAST_TRIED, Evidence, Formats, identity, size_class
from turnout.core.models import EditStyle, Model
from turnout.store import EditHistory, Ledger, Trial, edit_evidence

SMALL, MEDIUM, LARGE = 900, 20_000, 50_000


def seen(model: Model, style: EditStyle, usable: int, tried: int = 10, bytes_: int = SMALL) -> Evidence:
    return Evidence(identity(model), size_class(bytes_), style, tried, usable)


@pytest.mark.parametrize(
    ("model", "bytes_", "evidence", "style", "why"),
    [
        (LOCAL, SMALL, (), "whole_file", "built in for small files: models of 0.5"),
        (LOCAL, MEDIUM, (), "whole_file", "built in for medium files"),
        (LOCAL, LARGE, (), "blocks", "built in for large files: a file of that size may not fit"),
        (REMOTE, SMALL, (), "blocks", "built in for small files: on aider's public leaderboard"),
        (REMOTE, LARGE, (), "blocks", "built in for large files"),
        (replace(REMOTE, edits="whole_file"), LARGE, (), "whole_file", "as models.far.edits says"),
        (
            replace(LOCAL, edits="blocks"),
            SMALL,
            (seen(LOCAL, "whole_file", 10),),
            "blocks",
            "as models.near.edits",
        ),
        (
            REMOTE,
            SMALL,
            (seen(REMOTE, "blocks", 9),),
            "blocks",
            "measured here with small files: 9 of 10 usable",
        ),
        (
            REMOTE,
            SMALL,
            (seen(REMOTE, "blocks", 3),),
            "whole_file",
            "3 of 10 usable as blocks in the other form",
        ),
        (REMOTE, MEDIUM, (seen(REMOTE, "blocks", 3),), "blocks", "built in for medium files"),
        (REMOTE, LARGE, (seen(REMOTE, "blocks", 3, bytes_=LARGE),), "blocks", "built in for large files"),
        (
            REMOTE,
            SMALL,
            (seen(REMOTE, "blocks", 8), seen(REMOTE, "whole_file", 9)),
            "whole_file",
            "9 of 10 usable as whole_file, and 8 of 10 usable as blocks",
        ),
        (
            REMOTE,
            SMALL,
            (seen(REMOTE, "blocks", 8), seen(REMOTE, "whole_file", 8)),
            "blocks",
            "8 of 10 usable as b",
        ),
        (REMOTE, SMALL, (seen(REMOTE, "whole_file", 10),), "blocks", "built in"),
        (
            LOCAL,
            SMALL,
            (seen(LOCAL, "whole_file", 1), seen(LOCAL, "blocks", 6)),
            "blocks",
            "6 of 10 usable as blocks",
        ),
        (REMOTE, SMALL, (seen(REMOTE, "blocks", 0, LEAST_TRIED - 1),), "blocks", "built in"),
        (REMOTE, SMALL, (seen(LOCAL, "blocks", 0),), "blocks", "built in"),
    ],
)
def test_the_form_of_edits(
    model: Model, bytes_: int, evidence: tuple[Evidence, ...], style: str, why: str
) -> None:
    """One table of rows: who was asked with files of what size, what was measured, and what follows from it."""
    found = Formats(evidence).choose(model, [bytes_])
    assert found.style == style
    assert why in found.why
    assert str(found) == f"{style}: {found.why}"


@pytest.mark.parametrize(
    ("model", "sizes", "style", "alone"),
    [
        (LOCAL, (SMALL, LARGE), "whole_file", True),
        (LOCAL, (LARGE, SMALL), "blocks", True),
        (LOCAL, (LARGE, LARGE), "blocks", False),
        (REMOTE, (SMALL, LARGE), "blocks", False),
        (LOCAL, (), "whole_file", True),
    ],
)
def test_files_are_asked_about_alone_where_any_is_written_whole(
    model: Model, sizes: tuple[int, ...], style: str, alone: bool
) -> None:
    """A model that loses track of a second file is shown one at a time, and a file too long for it in blocks."""
    found = Formats().choose(model, sizes)
    assert (found.style, found.alone) == (style, alone)


def test_every_kind_and_size_has_a_form_with_its_source() -> None:
    """The built-in table has no holes, and says of every row where it comes from."""
    assert len(BUILT_IN) == 6
    assert all(known.source for known in BUILT_IN.values())


def test_a_model_is_the_same_under_another_name_and_another_at_another_address() -> None:
    """What was measured belongs to the model that answered, not to its name in the settings."""
    assert identity(replace(REMOTE, name="else", edits="blocks")) == identity(REMOTE)
    assert identity(replace(REMOTE, base_url="http://127.0.0.1:1")) != identity(REMOTE)


def test_trials_are_kept_and_counted(tmp_path: Path) -> None:
    """A commit measured again takes the place of its last time; what is old says nothing; no file, no evidence."""
    path = tmp_path / "ledger.sqlite"
    assert edit_evidence(path) == ()
    ledger = Ledger(path)
    trials = EditHistory(ledger, path)
    for commit, usable in (("a", False), ("b", True), ("a", True), ("c", False)):
        trials.keep(Trial(identity(REMOTE), commit, "small", "blocks", usable))
    trials.keep(Trial(identity(REMOTE), "a", "small", "whole_file", usable=True))
    for turns in (3, 7):
        trials.took(REMOTE, turns)
    ledger.close()
    assert set(trials.evidence()) == {
        Evidence(identity(REMOTE), "small", "blocks", 3, 2),
        Evidence(identity(REMOTE), "small", "whole_file", 1, 1),
    }
    assert (trials.turns(REMOTE), trials.turns(LOCAL)) == ((7, 3), ())
    assert edit_evidence(path, now_s=time.time() + 200 * 24 * 3600) == ()
