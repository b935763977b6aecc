"""What instruction files say not to touch is found where it is said, and nowhere else."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnout.core.offlimits import forbidding, parse_off_limits

SAID = [
    ("Never edit `vendor/`.", ["vendor/"]),
    ("Do not touch `a.py` or `b/*.py`.", ["a.py", "b/*.py"]),
    ("- Don't modify anything under `third_party/**`", ["third_party/**"]),
    ("Don\u2019t change the file `schema.sql`!", ["schema.sql"]),
    ("You must not edit files in `db/migrations/`. Run `make db` instead.", ["db/migrations/"]),
    ("`legacy/` is off limits.", ["legacy/"]),
    ("`a.lock` and `b.lock` must not be changed by hand.", ["a.lock", "b.lock"]),
    ("Never touch, edit or delete `dist/`.", ["dist/"]),
    ("## Do not touch\n\n- `vendor/`\n- docs/old.md: see `docs/new.md`\n\n## Style\n- `src/`\n", [
        "vendor/", "docs/old.md",
    ]),
    ("# Off limits\n```\nvendor/\n*.lock\n```\n", ["vendor/", "*.lock"]),
    ("**Never edit:**\n1. `gen/`, `gen2/`\n### Why\n- `x/y`: old\n", ["gen/", "gen2/"]),
    ("## Protected files\n\nLeave `a/b.c` and `d/e.f`.\n", ["a/b.c", "d/e.f"]),
    ("## Do not edit\n### Generated\n- `gen/` comes from `tools/make.py`\n", ["gen/"]),
]  # fmt: skip

FALSE_FRIENDS = [
    "Never edit `vendor/` without running `make vendor` first.",
    "Do not change the behaviour of `parse.py`.",
    "Don't modify `total` directly.",
    "Never commit `.env`.",
    "Do not use `os.path`; prefer `pathlib.Path`.",
    "Edit `a.py`, never by hand.",
    "Never touch production. `deploy.sh` does it.",
    "Change `a.py` when `b.py` changes.",
    "If `a.py` is generated, do not edit `a.py`.",
    "Do not edit `../other/`, `/`, `*` or `**`.",
    "## Do not touch\n\nThis is about style, not `prose`\n".replace("`", ""),
    "```\nNever edit `vendor/`.\n```",
    "## Before you edit\n- `src/`",
    "## What you may change\n- `src/`",
]


@pytest.mark.parametrize(("text", "patterns"), SAID)
def test_what_is_forbidden(text: str, patterns: list[str]) -> None:
    """A prohibition is found in prose, below its heading and in a code block there."""
    assert [rule.pattern for rule in parse_off_limits(text)] == patterns


@pytest.mark.parametrize("text", FALSE_FRIENDS)
def test_what_only_sounds_like_it(text: str) -> None:
    """Advice, conditions, names of code and other headings forbid nothing."""
    assert parse_off_limits(text) == ()


@pytest.mark.parametrize(
    ("pattern", "path", "forbidden"),
    [
        ("vendor/", "vendor/a/b.py", True),
        ("vendor/", "src/vendor/b.py", True),
        ("/vendor", "src/vendor/b.py", False),
        ("vendor/", "vendored/b.py", False),
        ("a.py", "src/a.py", True),
        ("src/a.py", "src/A.PY", True),
        ("src/a.py", "other/src/a.py", False),
        ("*.lock", "deep/poetry.lock", True),
        ("db/**", "db/x/y.sql", True),
        ("docs/old", "docs/old/x.md", True),
        ("docs/old", "docs/older.md", False),
    ],
)
def test_what_a_path_covers(pattern: str, path: str, forbidden: bool) -> None:
    """Paths are understood as in a .gitignore, and a folder covers what is in it, whatever the case."""
    rules = parse_off_limits(f"First line.\nNever edit `{pattern}`.")
    assert [rule.line for rule in rules] == [2]
    assert (forbidding(rules, path) is not None) is forbidden


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(alphabet=st.sampled_from("#*-`\n doNtTuchedi/.neveroflms:~"), max_size=300))
def test_any_text_is_read(text: str) -> None:
    """Whatever stands there, reading ends, and what is found can be asked about."""
    for rule in (rules := parse_off_limits(text)):
        assert rule.pattern in text
    forbidding(rules, "a/b.py")
