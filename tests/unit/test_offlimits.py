"""What instruction files say not to touch is found where it is said, and nowhere else."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnout.core.barring import forbidding
from turnout.core.offlimits import parse_off_limits
from turnout.core.unheld import unheld
from turnout.errors import FileUnusable

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
    ("Do not touch:\n- vendor/\n\n- `dist/`: see `src/`\n\n- \n\nStyle:\n- `src/`\n", ["vendor/", "dist/"]),
    ("The following files must not be edited:\n```\nvendor/\n```\nand so on, as in `src/`\n", ["vendor/"]),
    ("Please don't modify these files:\n\n1. `a.py`\n2. b/ (see `c/`)\n3. all in `d/`\n", ["a.py", "b/", "d/"]),
    ("- Never edit:\n  - vendor/\n    (see `src/`)\n- `src/` has the code\n", ["vendor/"]),
    ("**Do not touch:** `vendor/`, `dist/`\n", ["vendor/", "dist/"]),
    ("**Do not touch**: `vendor/`\n", ["vendor/"]),
    ("- Do not touch: vendor/, dist/*.js and a.lock.\n", ["vendor/", "dist/*.js", "a.lock"]),
    ("**Off limits:** vendor/\n", ["vendor/"]),
    ("# Do-not-touch list\n- vendor/\n", ["vendor/"]),
    ("No-edit files:\n* vendor/\n", ["vendor/"]),
    ("# Protected files\n| Path | Why |\n|---|---|\n| vendor/ | see `src/` |\n| old | `legacy/` |\n", [
        "vendor/", "legacy/",
    ]),
    ("Do not edit:\n\n| What | Path |\n|:--|--:|\n| by tools/make.py | `gen/` |\n", ["gen/"]),
    ("`vendor/` is generated; do not edit it.", ["vendor/"]),
    ("- Files in `a/` and `b/` are vendored. Never change them by hand!", ["a/", "b/"]),
    ("`a.lock` is auto-generated, don't modify it", ["a.lock"]),
    ("**NEVER** edit `a/b`", ["a/b"]),
    ("Files that must never be edited:\n* `a/b`\n", ["a/b"]),
    ("`a/` contains generated code; do not edit.", ["a/"]),
    ("Everything in `a/` is generated, so never edit it directly.", ["a/"]),
    ("Never edit `Makefile`.", ["Makefile"]),
    ("Do not change `Dockerfile` or `LICENSE`.", ["Dockerfile", "LICENSE"]),
    ("Do not touch `vendor` or `my docs/x.md`.", ["vendor", "my docs/x.md"]),
    ("Never edit `vendor` or `src/gen` directly.", ["vendor", "src/gen"]),
    ("Never touch `old` directly.", ["old"]),
    ("Do not edit `old.py` in `web/`.", ["old.py", "web/"]),
    ("Do not make any changes to `gen/x.py`.", ["gen/x.py"]),
    ("- `gen/x.py` - DO NOT EDIT", ["gen/x.py"]),
    ("`gen/x.py`, `b.lock`: do not edit.", ["gen/x.py", "b.lock"]),
    ("| `gen/x.py` | never edit |", ["gen/x.py"]),
    ("Do not edit: src/{a,b}/**, app/(group)/x.tsx\n", ["src/{a,b}/**", "app/(group)/x.tsx"]),
    ("# Off limits\n- $lib/a=b.ts\n- `a,b.py`\n", ["$lib/a=b.ts", "a,b.py"]),
    ("Don't modify a.py.", ["a.py"]),
    ("Never edit files in vendor/.", ["vendor/"]),
    ("- Do not edit vendor/", ["vendor/"]),
    ("Never touch src/generated or lib/old.", ["src/generated", "lib/old"]),
    ("Leave `x` alone.", ["x"]),
    ("- Please leave `a.py` and b.py as they are.", ["a.py", "b.py"]),
    ("Avoid editing `a/`", ["a/"]),
    ("* Avoid any changes to `a.py`.", ["a.py"]),
    ("Refrain from touching `a/` by hand", ["a/"]),
    ("Keep `a.py` unchanged", ["a.py"]),
    ("`a.py` must stay untouched.", ["a.py"]),
    ("Don't make changes to `a.py`", ["a.py"]),
    ("Never update `a.lock`", ["a.lock"]),
    ("Never write to `a/`", ["a/"]),
    ("🚫 **Never do:** edit `a/`", ["a/"]),
    ("- 🚫 **Never:** Modify `a/`, commit secrets", ["a/"]),
    ("You are not allowed to modify `a.py`", ["a.py"]),
    ("vendor/ is off limits, and a.py must not be changed.", ["vendor/", "a.py"]),
    ("- gen/x.py - DO NOT EDIT", ["gen/x.py"]),
    ("Do not edit a.py, `b.py` or files in c/, since they are made.", ["a.py", "b.py", "c/"]),
    ("Do not modify the `.env` file.", [".env"]),
    ("Avoid making changes to vendor/.", ["vendor/"]),
    ("src/a.py is generated; do not edit it.", ["src/a.py"]),
    ("## Do not edit\n### Generated\n- `gen/` comes from `tools/make.py`\n", ["gen/"]),
    ("Do not touch the vendor directory.", ["vendor/"]),
    ("Never touch vendor", ["vendor"]),
    ("Never touch old, vendor or the `dist` folder.", ["old", "vendor", "dist/"]),
    ("The vendor folder must not be edited.", ["vendor/"]),
    ("Do not change anything in the `vendor` directory!", ["vendor/"]),
    ("Hands off `a/`", ["a/"]),
    ("**Hands off** vendor!", ["vendor"]),
    ("No changes to `a.py`.", ["a.py"]),
    ("- No edits in vendor/.", ["vendor/"]),
    ("No manual changes to `a.lock` are allowed.", ["a.lock"]),
    ("Treat `a/` as read-only.", ["a/"]),
    ("Always treat vendor/ and `a.py` as strictly off limits.", ["vendor/", "a.py"]),
    ("Under no circumstances edit `a.py`.", ["a.py"]),
    ("Under no circumstances should you touch vendor/.", ["vendor/"]),
    ("`a.py` must under no circumstances be edited.", ["a.py"]),
    ("It is forbidden to edit `a.py`.", ["a.py"]),
    ("You are strictly prohibited to modify vendor/.", ["vendor/"]),
    ("Nothing under `gen/` may be edited.", ["gen/"]),
    ("Treat `a/` as read-only and edit `b/`.", ["a/"]),
    ("Nothing in `a/` may be changed or `b/`.", ["a/"]),
    ("Nothing in vendor/ should ever be changed.", ["vendor/"]),
    ("Do not modify `vendor`.", ["vendor"]),
    ("Never edit `vendor/` unless asked.", ["vendor/"]),
    ("Never edit `vendor/`, except to update it.", ["vendor/"]),
    ("Never edit lib/old.", ["lib/old"]),
    ("Never edit *_pb2.py.", ["*_pb2.py"]),
    ("*.pb.go files are generated; do not edit them.", ["*.pb.go"]),
    ("Do not edit **/*_pb2.py or gen/*.js files.", ["**/*_pb2.py", "gen/*.js"]),
    ("Never edit *.lock, *.min.js and vendor/**.", ["*.lock", "*.min.js", "vendor/**"]),
    ("Never edit *a.py*.", ["a.py"]),
    ("Never edit **gen/b.py**.", ["gen/b.py"]),
    ("Never alter `vendor` by hand.", ["vendor"]),
    ("`vendor` must not be changed.", ["vendor"]),
    ("Files in `vendor` are generated; do not edit them.", ["vendor"]),
    ("Never edit gen/x.py or anything below lib/old.", ["gen/x.py", "lib/old"]),
    ("Do not edit src/generated because it is generated", ["src/generated"]),
]  # fmt: skip

THERE = {"src/generated", "lib/old", "old", "vendor", "dist"}

FALSE_FRIENDS = [
    "Never edit vendor.",
    "Never edit `vendor/` without running `make vendor` first.",
    "Do not change the behaviour of `parse.py`.",
    "Don't modify `total` directly.",
    "Never edit `main` directly.",
    "Do not touch `version` in `package.json`.",
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
    "Do not touch these without asking:\n- `src/`",
    "Do not change these functions:\n- `src/parse.py`",
    "Never edit code in the style of:\n- `src/parse.py`",
    "Never change the following:\n- the API of `src/a.py`",
    "`src/a.py` is generated; do not edit what it imports.",
    "`src/a.py` contains helpers; do not edit.",
    "Do not touch:\n\nThe rest is in `src/`\n",
    "Do not touch:\n# Style\n- `src/`",
    "- Do not touch:\n- `src/`",
    "Do not edit: use `make/gen.py`",
    "Do not edit: read docs/a.md",
    "**Do not commit:** `src/`",
    "# Touch-up list\n- src/",
    "# Do-not-touch list until release\n- src/",
    "# Files\n| Path | Why |\n|---|---|\n| src/ | x |",
    "You may edit:\n- src/",
    "If it is generated, do not edit:\n- src/",
    "`src/a.py` is generated; do not edit it before `make`.",
    "`src/a.py` is slow; do not change it.",
    "`src/a.py` is generated; do not edit its header.",
    "`src/a.py` is generated; edit it freely.",
    "`src/a.py` uses what is generated; do not change it.",
    "The style of `src/a.py` is legacy; do not change it.",
    "`Total` is generated; do not edit it.",
    "## What you may change\n- `src/`",
    "Don't change `config` at run time.",
    "- `src/a.py`: do not edit what it imports.",
    "- `src/a.py`, where you never edit.",
    "Do not make changes to the API of `src/a.py`.",
    "Do not modify a.py's behaviour.",
    "Do not change README.md formatting.",
    "Never edit code as in a.py.",
    "Don't change Node.js or Vue.js.",
    "Do not change e.g. the API, i.e. its names.",
    "Do not change client/server code.",
    "Never touch and/or change it.",
    "Do not edit tests.",
    "Never modify v1.2.",
    "You may leave `a.py` unchanged.",
    "Do not leave `a.py` unchanged.",
    "We leave `a.py` alone.",
    "Leave the style of `a.py` unchanged.",
    "Leave a comment in `a.py` as it is read first.",
    "Keep `a.py` short.",
    "Keep the API of `a.py` intact.",
    "Keep `a.py` and `b.py` in step.",
    "Keep tests/ up to date.",
    "To avoid editing `a.py`, use `b.py`.",
    "This avoids changes to `a.py`.",
    "Avoid unnecessary changes to `a.py`.",
    "Avoid editing `a.py` unless it is necessary.",
    "Avoid `a.py`.",
    "Avoid using src/a.py.",
    "Avoid importing from `a.py`.",
    "There are no changes to `a.py`.",
    "Never update `user.name` here.",
    "Do not write to `sys.stdout`; use `log.py`.",
    "Never overwrite `self.total`.",
    "Do not update the header of `a.py`.",
    "Update `a.lock` by hand.",
    "You are allowed to modify `a.py`.",
    "You are not allowed to modify the API of `a.py`.",
    "Never do this: edit with `sed`.",
    "**Never:** print in `a.py`",
    "a.py is where the rest must not be changed.",
    "Never change how a.py is read.",
    "Never edit src/ and tests/ in the same commit.",
    "Do not change src/, lib/ and tests/x.py at once.",
    "Tests must never change files in /etc/.",
    "Never write to `/tmp/`.",
    "Always edit files in src/, never in dist/.",
    "Do not change tests/ layout.",
    "Never change config.yml in production.",
    "Do not edit more than one file in src/ at a time.",
    "Do not modify code in lib/ that is covered by tests.",
    "Never touch src/lib in one go.",
    "src/a.py is slow; do not change it.",
    "a.py must be left before b.py must stay unchanged.",
    "`a.py` does not change.",
    "Edit src/a.py, never by hand.",
    "Do not touch the vendor directory structure.",
    "Do not edit the vendor directory's readme.",
    "Never touch vendor code.",
    "Never touch the missing directory.",
    "Never touch vendor without asking.",
    "Never touch up vendor.",
    "Never edit vendor.",
    "Do not change old names.",
    "The vendor folder must not be large.",
    "The vendor folder is where the rest must not be changed.",
    "Touch the vendor folder.",
    "Vendor things in the vendor folder; do not change names.",
    "Do not change names in the style of the vendor folder.",
    "Hands off to `b.py` when done.",
    "This hands off `a.py` to the next step.",
    "Hands off the keyboard: `a.py` runs.",
    "No changes to `a.py` are needed.",
    "No changes to `a.py` were made.",
    "No changes to the API of `a.py`.",
    "No changes in `a.py` since then.",
    "No edits in `a.py` have been kept.",
    "No edits to `a.py` unless necessary.",
    "No changes to `total`.",
    "There are no edits in `a.py`.",
    "Treat `total` as read-only.",
    "Treat lines of `a.py` as read-only.",
    "Treat `a/` as a library.",
    "We treat `a/` as read-only.",
    "Do not treat `a/` as read-only.",
    "Treat `a/` as read-only unless asked.",
    "Under no circumstances print in `a.py`.",
    "Under no circumstances edit the API of `a.py`.",
    "Under no circumstances edit `a.py` before the release.",
    "It is not forbidden to edit `a.py`.",
    "It is forbidden to edit the style of `a.py`.",
    "If it is forbidden to edit `a.py`, ask.",
    "Nothing in `a.py` may be slow.",
    "Nothing in `Total` may be changed.",
    "There is nothing in `a.py` that may be edited.",
    "Only edit files in `shop/`.",
    "Nothing in `src/` but `a.py` may be edited.",
    "No changes in `src/` but in `a.py`.",
    "Do not edit anything except the vendor directory.",
    "Never touch anything but the vendor folder.",
    "Do not touch files outside the vendor directory.",
]

REMOVALS = [
    ("Never delete `a.py`.", ["a.py"]),
    ("Do not rename or move files in api/.", ["api/"]),
    ("- Avoid deleting `tests/x.py`", ["tests/x.py"]),
    ("Don't rename `a.py` to `b.py`.", ["a.py"]),
]

NO_REMOVALS = [
    "Never remove `total` from `a.py`.",
    "Do not delete the comments in `a.py`.",
    "Do not remove code in `a.py`.",
    "Do not delete `a.py` entries.",
    "Never delete lines of a.py.",
    "Delete `a.py`.",
    "Never delete `a.py` before the release.",
    "Do not move the body of `a.py`.",
    "Never rename `Total`.",
]


@pytest.mark.parametrize(("text", "patterns"), SAID)
def test_what_is_forbidden(text: str, patterns: list[str]) -> None:
    """A prohibition is found in prose, below its heading and in a code block there."""
    found = parse_off_limits(text, THERE.__contains__)
    assert [rule.pattern for rule in found if not rule.only_removal] == patterns


@pytest.mark.parametrize("text", FALSE_FRIENDS)
def test_what_only_sounds_like_it(text: str) -> None:
    """Advice, conditions, names of code and other headings forbid nothing."""
    assert parse_off_limits(text, THERE.__contains__) == ()


@pytest.mark.parametrize(("text", "patterns"), [*REMOVALS, *((text, []) for text in NO_REMOVALS)])
def test_what_must_only_not_be_removed(text: str, patterns: list[str]) -> None:
    """What must not be deleted or renamed may be edited, and orders about what is in a file are none about the file."""
    rules = parse_off_limits(text)
    assert [rule.pattern for rule in rules] == patterns
    for pattern in patterns:
        assert forbidding(rules, pattern.rstrip("/"), removed=True) or forbidding(
            rules, f"{pattern}x", removed=True
        )
        assert not forbidding(rules, pattern.rstrip("/"))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Be kind.\nNever edit the parser.\n", (2,)),
        ("Never edit `vendor/` without asking.\nDo not rename the API.\n", (1, 2)),
        ("## Do not touch\nThe parser.\n## Style\nEdit `a.py`.", (1,)),
        ("## Do not touch\n- vendor/\n## Style\n", ()),
        ("Do not touch:\n- vendor/\n", ()),
        ("Never edit `vendor/`.\n", ()),
        ("This does not change a thing; edit `a.py`.\n", ()),
        ("```\nnever edit it\n```\nNever print.\n", ()),
        ("Never commit secrets. Keep it short.", ()),
        ("Migrations must not be edited after a merge.", (1,)),
        ("Only edit files in `shop/`.", (1,)),
        ("Nothing in `src/` but `a.py` may be edited.\nNo edits outside `src/`.", (1, 2)),
        ("Only touch the src folder.\nNothing except `src/` may be edited.", (1, 2)),
        ("You may change only files in shop/.\nIt only changes files.\nOnly change what is asked for.", (1,)),
        (
            "No edits to generated code.\nTreat the parser as read-only.\nNothing in it may be edited.",
            (1, 2, 3),
        ),
        ("It is forbidden to edit the parser.\nUnder no circumstances should you edit it.", (1, 2)),
        ("No changes to `a.py`.\nTreat `a/` as read-only.\nNothing under `gen/` may be edited.", ()),
    ],
)
def test_what_is_not_held_to_is_known(text: str, lines: tuple[int, ...]) -> None:
    """A line that seems to forbid something, and of which no rule was made, is told by its number; no other is."""
    assert unheld(text, {rule.line for rule in parse_off_limits(text)}) == lines


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
        ("caf\u00e9/", "cafe\u0301/a.py", True),
        ("cafe\u0301/", "caf\u00c9/a.py", True),
        ("cafe/", "caf\u00e9/a.py", False),
        ("app/(group)/page.tsx", "app/(group)/page.tsx", True),
        ("app/[id]/page.tsx", "app/[id]/page.tsx", True),
        ("app/[id]/*.tsx", "app/[id]/page.tsx", True),
        ("v[12]/a.py", "v2/a.py", True),
        ("src/{a,b}/**", "src/b/x.py", True),
        ("src/{a,b}/**", "src/c/x.py", False),
        ("src/{a,{b,c}d}.py", "src/cd.py", True),
        ("src/{{,a}}.py", "src/{a}.py", True),
        ("x{1..3}.py", "x2.py", True),
        ("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}.py", "abababa.py", True),
        ("gen/{a/b" + ",c" * 70 + "}/x.py", "gen/a/b/x.py", True),
        ("{{name}}/a.py", "{{name}}/a.py", True),
        ("my docs/x.md", "my docs/x.md", True),
        ("$lib/a=b,c.ts", "$lib/a=b,c.ts", True),
        ("gen\\x.py", "gen/x.py", True),
        ("gen\\x.py", "gen\\x.py", True),
        ("!a.py", "!a.py", True),
        ("!a.py", "a.py", False),
        ("#a.py", "#a.py", True),
    ],
)
def test_what_a_path_covers(pattern: str, path: str, forbidden: bool) -> None:
    """Paths are understood as in a .gitignore, and a folder covers what is in it, whatever the case."""
    rules = parse_off_limits(f"First line.\nNever edit `{pattern}`.")
    assert [rule.line for rule in rules] == [2]
    assert (forbidding(rules, path) is not None) is forbidden


def test_a_long_list_counts_to_its_end() -> None:
    """The last of many paths, and one below a long text, are off limits as the first is."""
    many = parse_off_limits("# Do not touch\n" + "".join(f"- gen/f{n}.py\n" for n in range(1_000)))
    assert forbidding(many, "gen/f999.py")
    late = parse_off_limits("word " * 20 + "\n" + ("word " * 20 + "\n") * 2_000 + "Never edit `vendor/`.\n")
    assert forbidding(late, "vendor/a.py")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x\n" * 500_001, "more than 1,000,000 characters"),
        ("a\n" * 20_000 + "Never edit `a.py`.", "more than 20,000 lines or sentences"),
        ("A. " * 3_000 + ("\n" + "A. " * 3_000) * 6, "more than 20,000 lines or sentences"),
        ("# Do not touch\n" + "".join(f"- f{n}.py\n" for n in range(2_001)), "more than 2,000 paths"),
        ("\nNever edit `a.py`" + ", `b.py`" * 2_000, "Line 2 has more than 10,000 characters"),
    ],
)
def test_what_is_too_much_is_never_read_in_part(text: str, why: str) -> None:
    """Instructions over a limit are refused, and so is whatever they may have forbidden."""
    with pytest.raises(FileUnusable, match=why):
        parse_off_limits(text)


@settings(deadline=None, max_examples=50)
@given(st.text(alphabet="{},.a[]\\!#*", min_size=1, max_size=60).filter(lambda text: text.strip("/*. ")))
def test_a_pattern_covers_what_is_written(pattern: str) -> None:
    """A path is off limits as it stands in the instructions, whatever else its marks may mean."""
    if rules := parse_off_limits(f"Never edit `x{pattern}x`."):
        assert forbidding(rules, f"x{pattern}x".replace("*", "a"))


def test_a_long_line_that_forbids_nothing_is_no_problem() -> None:
    """A picture or a link of any length is passed over."""
    assert parse_off_limits("data:" + "x" * 20_000 + "\nNever edit `a.py`.")[0].line == 2


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(alphabet=st.sampled_from("#*-`\n doNtTuchedi/.neveroflms:~"), max_size=300))
def test_any_text_is_read(text: str) -> None:
    """Whatever stands there, reading ends, and what is found can be asked about."""
    for rule in (rules := parse_off_limits(text)):
        assert rule.pattern in text
    forbidding(rules, "a/b.py")
