"""Each wording of a prohibition is understood, or at least noticed, and nothing that only looks like it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.core.offlimits import parse_off_limits
from turnout.core.prohibitions import WORDINGS, Wording, plainly
from turnout.core.unheld import SOUNDS, unheld

UNDERSTOOD = {
    "should **never** be edited": ("`a/` should **never** be edited.", "Use `a.py`, **not** `b.py`."),
    "important: X is generated, do not edit": (
        "**Important:** `a/` is generated; do not edit it.",
        "Important: change `a.py` and `b.py` together.",
    ),
    "never manually edit X": ("Never hand-edit `a/`.", "Never hand `a.py` over; edit `b.py`."),
    "dont edit X": ("dont touch `a/`", "We dont mind; edit `a/`."),
    "do not, under any circumstances, edit X": (
        "Do not, under any circumstances, edit `a/`.",
        "Do not edit names under any circumstances in `a.py`.",
    ),
    "make changes to X": ("Do not introduce any changes to `a/`.", "`a.py` makes changes to `b.py`."),
    "make no changes to X": ("Please make no changes to `a/`.", "We make no changes to `a.py`."),
    "are not allowed to edit X": ("You are not allowed to edit `a/`.", "You are allowed to edit `a/`."),
    "have no permission to edit X": ("Agents have no permission to edit `a/`.", "Ask for permission to edit `a/`."),
    "X is not to be edited": ("`a/` is not to be edited.", "`a/` is to be edited, not `b/`."),
    "X cannot be edited": ("`a/` can't be edited.", "`a.py` cannot be imported."),
    "can't edit X": ("You can't edit `a/`.", "You can't import `a.py`."),
    "is forbidden to edit X": ("It is forbidden to edit `a/`.", "It is not forbidden to edit `a/`."),
    "are forbidden from editing X": (
        "You are forbidden from editing `a/`.",
        "You are forbidden from editing names in `a.py`.",
    ),
    "under no circumstances edit X": ("On no account edit `a/`.", "At no time does `a.py` block."),
    "nobody may edit X": ("Nobody may edit `a/`.", "Nobody may call `a.py`."),
    "hands off X": ("Keep your hands off `a/`.", "This hands off `a.py` to the next step."),
    "stay out of X": ("Stay out of `a/`.", "Stay out of the way of `a.py`."),
    "X is out of bounds": ("`a/` is out of bounds.", "An index of `a.py` is out of bounds."),
    "X is frozen": ("The `a/` folder is frozen.", "The dataclass in `a.py` is frozen."),
    "X: read-only": ("- `a/` (read-only)", "- `a/a.py`: read-only access to the store"),
    "X: no changes": ("`a/`: no changes, ever!", "`a.py`: no changes needed"),
    "never: edit X": ("**Never:** edit `a/`", "**Never:** print in `a.py`"),
    "forbidden: editing X": ("Forbidden: editing `a/`", "Not allowed: changing names in `a.py`."),
    "forbidden: changes to X": (
        "**Prohibited:** direct changes to `a/`",
        "Prohibited: changes to the API without a note in `a.md`.",
    ),
    "write to X": ("Never write files to `a/`.", "Never write to `sys.stdout`."),
    "X must stay unchanged": ("`a/` must stay unchanged.", "`a/` has to stay small."),
    "edit files that are in X": ("Do not edit files that live in `a/`.", "Do not change behaviour that is in `a.py`."),
    "edit files such as X": ("Do not edit files such as `a/`.", "Do not change code such as `total += 1`."),
    "edit files (X)": ("Do not edit generated files (`a/`).", "Do not edit generated code (run `tools/gen.py`)."),
    "make sure not to edit X": ("Make sure not to edit `a/`.", "Be careful not to break `a.py`."),
    "make sure that X is not edited": (
        "Make sure that `a/` stays untouched.",
        "Make sure the header of `a.py` is not changed.",
    ),
    "avoid editing X": ("Avoid editing `a/`.", "Avoid editing `a/` where possible."),
    "no editing of X": ("No editing of `a/`!", "No changing of names in `a.py`."),
    "editing X is forbidden": ("Editing `a/` is strictly forbidden.", "Editing `a.py` is not required."),
    "changes to X are forbidden": ("Any changes to `a/` are not allowed.", "Changes to `a.py` are not needed."),
    "there must be no changes": ("There must be no changes to `a/`.", "There are no changes to `a.py`."),
    "no changes to X": ("No direct edits to `a/`.", "No changes to `a.py` are needed."),
    "treat X as read-only": ("Treat `a/` as frozen.", "Treat `a/` as a library."),
    "nothing in X may be edited": ("Nothing in `a/` may be edited.", "Nothing in `a.py` may be slow."),
    "leave X alone": ("You should leave `a/` as you found it.", "We leave `a/` alone."),
}  # fmt: skip

NOTICED = {
    "never edit X": ("Never edit applied migrations.", "Never print in a function that others may edit."),
    "you may read but not edit X": ("You may read but not edit `a/`.", "Edit `a/`, but not often."),
    "try not to edit X": ("Try not to edit `a/`.", "Try to edit `a/`."),
    "I don't want you to edit X": ("I don't want you to edit `a/`.", "I want you to edit `a/`."),
    "leave X alone": ("Leave the parser alone.", "Keep it short."),
    "preserve X": ("Preserve `a/b.py` exactly.", "Preserve the order of imports."),
    "avoid editing X": ("Avoid editing the parser.", "To avoid editing `a.py`, use `b.py`."),
    "X must not be edited": ("The parser can't be edited.", "The parser must be edited."),
    "X is off limits": ("The parser is out of bounds.", "Set limits for the parser."),
    "stay away from X": ("Stay away from `a/b.py`.", "Stay away from global state."),
    "X is frozen": ("`a/` is protected.", "The dataclass is frozen."),
    "no X: `a/`": ("- \U0001f6ab `a/`", "- \u2705 `a/`"),
    "protected: X": ("**Protected:** `a/`", "Protected: the main branch"),
    "it is forbidden to edit X": ("It is forbidden to edit the parser.", "It is forbidden to park."),
    "under no circumstances edit X": (
        "Under no circumstances should one ever edit it.",
        "Under no circumstances print.",
    ),
    "treat X as read-only": ("Treat the parser as immutable.", "Treat the parser as a library."),
    "no changes to X": ("No changes to the parser.", "There are no changes."),
    "X: no changes": ("`a/` is sacred; `a/`: no edits there", "- style: no changes"),
    "nothing in X may be edited": ("Nothing but `a.py` may be edited.", "Nothing in it may be slow."),
    "nobody edits X": ("Nobody edits the parser.", "Nobody reads the parser."),
    "only edit files in X": ("Only ever edit files in `a/`.", "Only change what is asked for."),
    "edit only files in X": ("Edit files only in `a/`.", "Edit files in `a/`."),
    "edit nothing but X": ("Edit nothing but `a/`.", "Edit all but `a/`."),
    "work only in X": ("Work exclusively in `a/`.", "Work only in pairs."),
    "limit changes to X": ("Confine changes to `a/`.", "Limit lines to 100 characters."),
    "only X may be edited": ("Only `a/` may be edited.", "Only `a/` may be slow."),
    "changes to X are forbidden": ("Changes outside `a/` are forbidden.", "Changes to `a/` are welcome."),
    "exclude X from changes": ("Exclude `a/` from edits.", "Exclude `a/` from coverage."),
    "editing X is forbidden": ("Editing the parser is forbidden.", "Editing the parser is easy."),
    "do not reformat X": ("Do not reformat `a/`.", "Do not reformat long strings."),
    "do not create files in X": ("Do not add new files to `a/`.", "Do not add comments to code."),
    "X nicht \u00e4ndern": ("`a/` darf nicht ver\u00e4ndert werden.", "`a/` ist nicht alt."),
    "no modificar X": ("No modificar `a/`.", "No usar `a/`."),
    "ne pas modifier X": ("Ne touchez pas \u00e0 `a/`.", "Ne pas utiliser `a/`."),
}

ORDINARY = [
    "Edit `tests/x.py` when you change `src/x.py`.",
    "Keep `a.py` as short as it is now.",
    "Changes to `src/` are tested by `tests/`.",
    "Make sure `a.py` and `b.py` stay in step.",
    "Ensure `dist/` is not committed.",
    "There should be no changes to the API in `a.py`.",
    "No one may call `a.py` from here.",
    "Dataclasses in `src/models.py` are frozen.",
    "- `src/api.py` - read-only access to the store",
    "The connection in `db.py` is read-only.",
    "Forbidden: `eval`, `exec`, `os.system`",
    "Read-only: `self.total`, `config.debug`",
    "## Never\n- commit to `main`\n- change names in `src/a.py`",
    "## Do not\n- Edit without reading `docs/style.md`\n- Use `os.path`",
    "Never:\n- print in `src/a.py`\n\nEdit `src/b.py`.",
    "- Never:\n- edit `src/b.py`",
    "## Never mind\n- Edit `src/a.py` first",
    "## Not done yet\n- Edit `src/a.py`",
    "When in doubt, do not:\n- edit `src/a.py`",
    "Do not update dependencies in `package.json`.",
    "Do not make changes in `a.py` that break `b.py`.",
    "Do not create or use `utils.py`.",
    "Do not commit, edit history instead: see `docs/git.md`.",
    "Do not edit generated code (see `docs/gen.md`).",
    "Do not touch anything that is in use by `a.py`.",
    "You do not have to edit `a.py`.",
    "Preserve the order of `a.py` as it is.",
]

BELOW = [
    "## Never\n- Edit `a/`\n- Print\n",
    "### \U0001f6ab Never do\n1. modify `a/`\n",
    "## Don'ts\n* Make changes to `a/`\n## Dos\n- Edit `b/`\n",
    "What not to do:\n- Touch `a/`\n\nEdit `b/`.\n",
    "- **You must never:**\n  - edit `a/`\n- edit `b/`\n",
    "Off-limits: `a/`.",
    "Protected files:\n- `a/`\n",
]


@pytest.mark.parametrize("wording", WORDINGS, ids=lambda wording: wording.name)
def test_a_wording_is_understood(wording: Wording) -> None:
    """Every row of the table has an example that needs it, and a counter-example that forbids nothing."""
    example, counter = UNDERSTOOD[wording.name]
    assert [rule.pattern for rule in parse_off_limits(example)] == ["a/"]
    assert plainly(example, [each for each in WORDINGS if each is not wording]) != plainly(example)
    assert parse_off_limits(counter) == ()


@pytest.mark.parametrize("name", SOUNDS)
def test_what_sounds_like_a_prohibition_is_told(name: str) -> None:
    """Every row of the table has an example that is noticed, if no rule is made of it, and one that is not."""
    example, counter = NOTICED[name]
    assert unheld(example, ()) == (1,)
    assert parse_off_limits(example) == ()
    assert unheld(counter, ()) == ()


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_instructions_close_nothing(text: str) -> None:
    """What is said about working on files, or forbidden in them, puts no file off limits."""
    assert parse_off_limits(text) == ()


@pytest.mark.parametrize(
    "path",
    [
        "docs/make changes to x.md",
        "it\u2019s/a.py",
        "a  b/c.md",
        "write to/a.py",
        "unless possible/a.py",
        "0/",
    ],
)
def test_a_name_that_sounds_like_an_order(path: str) -> None:
    """What is off limits is spelled as the file is, whatever its name says."""
    for sentence in (f"Never edit `{path}`.", f"Leave `{path}` alone.", f"No changes to `b.py` or `{path}`!"):
        assert path in [rule.pattern for rule in parse_off_limits(sentence)]


@pytest.mark.parametrize("text", BELOW)
def test_what_stands_below_never(text: str) -> None:
    """An item below a heading or label that only says `never` is an order of its own, and so is one behind a label."""
    assert [rule.pattern for rule in parse_off_limits(text)] == ["a/"]


def test_what_stands_below_never_and_is_not_held_to_is_told() -> None:
    """An item below `Never` that names no path is told as a prohibition in one sentence is."""
    assert unheld("## Never\n- Change the parser.\n- Print.\n", ()) == (2,)


@pytest.mark.parametrize("blank", [" ", "\t", "\u00a0", " \t"], ids=ascii)
def test_blanks_of_any_number_are_one(blank: str) -> None:
    """A sentence says the same with more blanks between its words, and reading thousands of them ends."""
    for example, counter in UNDERSTOOD.values():
        for sentence in (example, counter):
            first, *rest = sentence.split()
            spread = f"{first}{blank * (9_000 // len(blank))}{' '.join(rest)}"
            assert plainly(spread) == plainly(f"{first} {' '.join(rest)}")


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from([word for pair in UNDERSTOOD.values() for said in pair for word in said.split()]),
        max_size=9,
    )
)
def test_paths_stay_as_they_are_written(words: list[str]) -> None:
    """However a sentence is said anew, what stands in closed backquotes is as it was."""
    sentence = " ".join(words)
    spans = re.compile("`[^`]+`")
    assert spans.findall(plainly(sentence)) == spans.findall(sentence)
