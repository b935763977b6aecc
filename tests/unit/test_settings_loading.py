"""Loading settings: the right layer wins for each value, and one wrong value costs no other."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.settings_kit import SettingsKit
from turnout.core.requests import KINDS
from turnout.core.routing import RouteRequest, decide
from turnout.settings import Loaded


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsKit:
    return SettingsKit(tmp_path, monkeypatch)


def value_at(loaded: Loaded, key: str) -> Any:
    value: Any = loaded.settings.model_dump(mode="json")
    for part in key.split("."):
        value = value[part]
    return value


def test_no_settings(kit: SettingsKit) -> None:
    """Without settings keystrokes stay on this machine, the rest goes to a frontier model after the user agrees."""
    loaded = kit.load()
    assert loaded.problems == ()
    assert loaded.source("routes.inline.models") == "built-in defaults"
    keys = frozenset({"opus", "sonnet", "glm"})
    for kind in KINDS:
        route = decide(RouteRequest(kind, keys_present=keys), loaded.policy)
        stays = kind in {"inline", "popup", "commit_message"}
        assert [m.name for m in route.candidates] == (
            ["near"] if stays else ["opus", "sonnet", "glm", "near"]
        )
        assert route.ask_before_leaving
        assert route.deadline_ms
        assert route.reason == f"built-in defaults: routes.{kind}.models"
    assert kit.load(editor={}).settings == loaded.settings
    assert loaded.files == (kit.user_file, kit.workspace_file)


@pytest.mark.parametrize(
    ("layers", "key", "value", "source"),
    [
        ({"user": 9}, "completion.max_tokens", 9, "{user}:2 completion.max_tokens"),
        ({"user": 9, "workspace": 8}, "completion.max_tokens", 8, "{workspace}:2 completion.max_tokens"),
        ({"user": 9, "workspace": 8, "editor": 7}, "completion.max_tokens", 7, "editor settings"),
        ({"user": 9, "editor": 7}, "completion.max_tokens", 7, "editor settings"),
        ({"user": 9}, "completion.enabled", True, "built-in defaults"),
    ],
)
def test_layers(kit: SettingsKit, layers: Mapping[str, int], key: str, value: object, source: str) -> None:
    """The highest layer that sets a value wins, tables merge, and the value knows where it stands."""
    texts = {name: f"[completion]\nmax_tokens = {number}" for name, number in layers.items()}
    editor = {"completion": {"max_tokens": layers["editor"]}} if "editor" in layers else None
    loaded = kit.load(texts.get("user"), texts.get("workspace"), editor, trusted=True)
    assert value_at(loaded, key) == value
    assert loaded.source(key) == source.format(user=kit.user_file, workspace=kit.workspace_file)
    assert loaded.problems == ()


def test_lists_replace(kit: SettingsKit) -> None:
    """A list replaces the one below it; the chain of one kind leaves the others alone."""
    loaded = kit.load('[routes.refactor]\nmodels = ["near"]\n[privacy]\nnever_read = ["x"]')
    assert value_at(loaded, "routes.refactor.models") == ["near"]
    assert value_at(loaded, "routes.fix.models") == ["opus", "sonnet", "glm", "near"]
    assert value_at(loaded, "privacy.never_read") == ["x"]


def test_rules_add_up(kit: SettingsKit) -> None:
    """Rules of all layers hold: the editor's first, then the user's, then the workspace's."""
    rule = '[[rules]]\npaths = ["{}"]\nmodels = ["near"]'
    loaded = kit.load(
        rule.format("user"), rule.format("workspace"), {"rules": [{"paths": ["e"], "models": ["near"]}]}
    )
    assert [rule.paths for rule in loaded.policy.rules.rules] == [("e",), ("user",), ("workspace",)]
    assert [rule.source for rule in loaded.policy.rules.rules] == [
        "editor settings: rules[0]",
        f"{kit.user_file}:1 rules[0]",
        f"{kit.workspace_file}:1 rules[0]",
    ]


def test_patterns_name_their_own_line(kit: SettingsKit) -> None:
    """A path rule that decides is named with the line of its pattern, in whichever file it stands."""
    loaded = kit.load(
        '[privacy]\nlocal_only = [\n "a/",\n "b/",\n]', '[privacy]\nlocal_only = [\n\n "c/",\n]'
    )
    sources = {pattern.text: pattern.source for pattern in loaded.policy.privacy.local_only.patterns}
    assert sources == {
        "a/": f"{kit.user_file}:3 privacy.local_only",
        "b/": f"{kit.user_file}:4 privacy.local_only",
        "c/": f"{kit.workspace_file}:4 privacy.local_only",
    }
    both = f"{kit.user_file}:2 privacy.local_only + {kit.workspace_file}:2 privacy.local_only"
    assert loaded.source("privacy.local_only") == both


WRONG = [
    (
        '[routes.inline]\ndeadline_ms = "fast"',
        2,
        "routes.inline.deadline_ms",
        "'fast'",
        "whole number from 10 to 3600000",
    ),
    (
        "[routes.inline]\ndeadline_ms = 1",
        2,
        "routes.inline.deadline_ms",
        "1 ",
        "whole number from 10 to 3600000",
    ),
    ('[routes.inline]\nmodels = "near"', 2, "routes.inline.models", "'near'", "a list of models' names"),
    ('[routes.inline]\nmodels = ["near", 5]', 2, "routes.inline.models", "5", "a list of models' names"),
    (
        '[routes.fix]\n\nstrategy = "best"',
        3,
        "routes.fix.strategy",
        "'best' cannot be used",
        '"order"',
    ),
    (
        "[routes.fix]\nweights = 3",
        2,
        "routes.fix.weights",
        "3",
        "a table of models' names, each with a number from 0",
    ),
    ("[routes.fix.weights]\nopus = -1", 2, "routes.fix.weights.opus", "-1", "a number from 0 to 1000000"),
    ('[routes.fix]\nsimple = "near"', 2, "routes.fix.simple", "'near'", "a list of models' names"),
    (
        "[models.opus]\ncache_read_usd = -1",
        2,
        "models.opus.cache_read_usd",
        "-1",
        "a number from 0 to 1000000",
    ),
    ('[privacy]\nleaves_machine = "no"', 2, "privacy.leaves_machine", "'no'", '"never", "ask", "allow"'),
    ('[privacy]\nlocal_only = ["a",\n"!b"]', 3, "privacy.local_only[1]", "'!b'", "negated"),
    ('[privacy]\njurisdictions = ["usa"]', 2, "privacy.jurisdictions[0]", "'usa'", "two-letter code"),
    ("[budget]\nday_usd = nan", 2, "budget.day_usd", "nan", "a number from 0 to 1000000"),
    ("[budget]\nday_usd = true", 2, "budget.day_usd", "True", "a number from 0 to 1000000"),
    (f"[budget]\nday_usd = 0x{'F' * 9000}", 2, "budget.day_usd", "digits", "a number from 0 to 1000000"),
    ("[completion]\nenabled = 1", 2, "completion.enabled", "1", "true or false"),
    ("completion = 3", 1, "completion", "3", "a table"),
    (
        '[models.opus]\napi = "openai-reply"',
        2,
        "models.opus.api",
        "'openai-reply' cannot be used",
        '"local"',
    ),
    ('[models.Opus]\napi = "anthropic"', 1, "models.Opus", "cannot be a name", "lower-case"),
    ("[[rules]]\npaths = []", 1, "rules[0].models", "missing", ""),
    ('[[rules]]\nmodels = ["near"]\nkinds = ["inlin"]', 3, "rules[0].kinds", "'inlin'", '"inline"'),
    ("rules = 4", 1, "rules", "list of tables", "[[rules]]"),
    ("[routes.inline]\ndeadlin_ms = 4", 2, "routes.inline.deadlin_ms", "not a known key", "`deadline_ms`"),
    ("[routes.inlin]\nmodels = []", 1, "routes.inlin", "not a known key", "`inline`"),
    ("[privcy]", 1, "privcy", "not a known key", "`privacy`"),
    ("[zzz]\nq = 1", 1, "zzz", "not a known key", ""),
    ('["a\\u001b[2Jb"]\nq = 1', 1, '"a\\u001b[2Jb"', "not a known key", ""),
    ('[routes.inline]\nmodels = ["naer"]', 2, "routes.inline.models", "no such model", "`near`"),
]


@pytest.mark.parametrize(
    ("text", "line", "key", "value", "allowed"), WRONG, ids=[row[2] + str(i) for i, row in enumerate(WRONG)]
)
def test_wrong_value(kit: SettingsKit, text: str, line: int, key: str, value: str, allowed: str) -> None:
    """A wrong value is one message that names file, line, key, value and what is allowed; the layer below applies."""
    loaded = kit.load(f"{text}\n[routes.popup]\ndeadline_ms = 77\n")
    assert len(loaded.problems) == 1
    problem = loaded.problems[0]
    assert (problem.where, problem.key) == (f"{kit.user_file}:{line}", key)
    assert value in problem.message
    assert allowed in problem.message
    assert str(problem).isprintable()
    assert value_at(loaded, "routes.popup.deadline_ms") == 77
    kit.user_file.unlink()
    if "no such model" not in problem.message and "local_only" not in key and "jurisdictions" not in key:
        expected = kit.load("[routes.popup]\ndeadline_ms = 77\n").settings
        assert loaded.settings == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("key", "sk-ant-verysecret"),
        ("key", "env:not a name sk-verysecret"),
        ("base_url", "https://me:verysecret@x.example"),
    ],
)
def test_secrets_are_not_repeated(kit: SettingsKit, key: str, value: str) -> None:
    """A key in the place of its reference, or in a URL, is refused without being printed."""
    loaded = kit.load(f'[models.opus]\n{key} = "{value}"')
    assert [problem.key for problem in loaded.problems] == [f"models.opus.{key}"]
    assert "verysecret" not in repr(loaded)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ('[privacy]\nleaves_machine = "nevr"', "ask"),
        ('[privacy]\nlocal_onyl = ["x"]', "ask"),
        ('[privacy]\nlocal_only = "x"', "ask"),
        ('[[rules]]\npaths = ["x"]\nmodels = "near"', "ask"),
        ('[routes.refactor]\nmodels = "near"', "ask"),
        ("[budget]\nday_usdd = 1", "ask"),
        ('[budget]\nday_usd = "1"', "ask"),
        ('[prviacy]\nleaves_machine = "never"', "ask"),
        ("not toml", "never"),
        (b"\xff", "never"),
        ("[completion]\nenabled = 3", "allow"),
        ("[models.new]\nwrong = 3", "allow"),
        ('[privacy]\nleaves_machine = "never"\nlocal_onyl = 1', "never"),
    ],
)
def test_fails_closed(kit: SettingsKit, text: str | bytes, limit: str) -> None:
    """What may have been meant to hold text back holds it back when it cannot be used, and says so."""
    loaded = kit.load('[privacy]\nleaves_machine = "allow"', text)
    assert loaded.settings.privacy.leaves_machine == limit
    assert loaded.policy.privacy.leaves_machine == limit
    where = kit.user_file if limit == "allow" else kit.workspace_file
    assert loaded.policy.privacy.leaves_machine_source.startswith(f"{where}")


def test_broken_user_file(kit: SettingsKit) -> None:
    """A user file that cannot be read keeps text here until it is fixed: nobody knows what it forbids."""
    loaded = kit.load('[privacy]\nleaves_machine = "never"\nlocal_only = [')
    assert loaded.settings.privacy.leaves_machine == "never"
    assert loaded.source("privacy.leaves_machine").startswith(f"{kit.user_file}:")
    assert len(loaded.problems) == 1


@pytest.mark.parametrize("editor", [None, {}, {"privacy": None}, {"models": {"near": {"path": None}}}])
def test_unset_in_the_editor(kit: SettingsKit, editor: Mapping[str, object] | None) -> None:
    """Editors send null for what is not set; that is not a value."""
    assert kit.load(editor=editor).settings == kit.load().settings
    assert kit.load(editor=editor).problems == ()


@pytest.mark.parametrize(
    "editor", [{"privacy": {"local_only": ["\ud800"]}}, {"\ud800": 1}, {"models": {"\ud800": {}}}]
)
def test_broken_text(kit: SettingsKit, editor: Mapping[str, object]) -> None:
    """JSON can carry half a character, which no file name has and no terminal prints."""
    loaded = kit.load(editor=editor)
    assert len(loaded.problems) == 1
    str(loaded.problems[0]).encode()


def test_checks_that_cannot_be_started(kit: SettingsKit) -> None:
    """A check with unbalanced quotes is a problem, and stays a check, which is then said not to have run."""
    loaded = kit.load('[routes.refactor]\nchecks = ["ruff check", "echo \'open", " "]')
    assert [(problem.key, problem.message) for problem in loaded.problems] == [
        ("routes.refactor.checks", "entry 2 cannot be started: No closing quotation"),
        ("routes.refactor.checks", "entry 3 cannot be started: it is empty"),
    ]
    assert len(loaded.settings.routes.refactor.checks) == 3


def test_many_problems(kit: SettingsKit) -> None:
    """A file full of mistakes gives as many messages as somebody would read."""
    assert len(kit.load("\n".join(f"key{number} = 1" for number in range(2000))).problems) == 51


@pytest.mark.parametrize(
    "text",
    [
        "privacy.local_only = [" + ",".join(f'"d{n}/"' for n in range(600)) + "]",
        "\n".join('[[rules]]\nmodels = ["near"]' for _ in range(600)),
        "\n".join('[[rules]]\nmodels = ["near"]\npaths = [' + '"a",' * 400 + "]" for _ in range(5)),
    ],
)
def test_long_lists(kit: SettingsKit, text: str) -> None:
    """Lists too long to be compiled quickly are left out with a message, and text then needs a yes to leave."""
    loaded = kit.load('[privacy]\nleaves_machine = "allow"', text)
    assert "more than" in str(loaded.problems[0])
    assert loaded.settings.privacy.leaves_machine == "ask"


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["near", "allow", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_TABLES = st.sampled_from(["privacy", "budget", "completion", "models", "routes", "rules", "other"])
_KEYS = st.sampled_from(
    [
        "leaves_machine",
        "local_only",
        "never_read",
        "jurisdictions",
        "day_usd",
        "enabled",
        "near",
        "inline",
        "models",
        "paths",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        _TABLES, st.dictionaries(_KEYS, _JSON | st.dictionaries(_KEYS, _JSON, max_size=3), max_size=3) | _JSON
    )
)
def test_any_editor_settings(kit: SettingsKit, editor: dict[str, Any]) -> None:
    """Whatever an editor sends, loading gives usable settings and printable messages."""
    loaded = kit.load(editor=editor)
    assert decide(RouteRequest("inline", ("a.py",)), loaded.policy)
    assert all(str(problem).isprintable() for problem in loaded.problems)
    json.dumps(loaded.settings.model_dump(mode="json"))


def test_a_tier_of_unknown_models_has_none(kit: SettingsKit) -> None:
    """A typing error in a tier's chain does not fall through to the route's, which may go further."""
    loaded = kit.load('[routes.document]\nsimple = ["naer"]\nmodels = ["opus", "near"]')
    route = decide(RouteRequest("document", keys_present=frozenset({"opus"})), loaded.policy)
    assert (route.tier, route.candidates) == ("simple", ())
    assert [str(problem) for problem in loaded.problems] == [
        f"{kit.user_file}:2: routes.document.simple: `naer`: there is no such model (did you mean `near`?)"
    ]
