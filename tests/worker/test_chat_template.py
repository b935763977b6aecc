"""Chat templates that came with weights: filled as the model wants it, and stopped whatever they do."""

import json
from pathlib import Path
from typing import Any

import pytest

from turnout.worker.engines.base import EngineError
from turnout.worker.engines.chat_template import MOST_FILLED_CHARS, MOST_SOURCE_CHARS, ChatTemplate

pytest.importorskip("jinja2")

MESSAGES = [{"role": "user", "content": "hé\ud800"}]
LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}"
DOUBLED = (
    "{% set it = namespace(x='xxxxxxxx') %}{% for a in range(99) %}{% set it.x = it.x ~ it.x %}{% endfor %}"
)


def model(path: Path, template: Any, **config: Any) -> Path:
    (path / "tokenizer_config.json").write_text(json.dumps({"chat_template": template, **config}))
    return path


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}", "[user] hé\ud800"),
        ("{{ bos_token }}{{ eos_token }}{% if add_generation_prompt %}:{% endif %}", "<s></s>:"),
        ("{{ messages[0] | tojson }}", '{"role": "user", "content": "hé\ud800"}'),
        ("{% for a in range(9) %}{% if a == 2 %}{% break %}{% endif %}{{ a }}{% endfor %}", "01"),
        ([{"name": "tool_use", "template": "no"}, {"name": "default", "template": "yes"}], "yes"),
        ([5, {"name": "default", "template": "yes"}], "yes"),
    ],
)
def test_a_template_is_filled_with_the_messages(tmp_path: Path, template: Any, filled: str) -> None:
    """As models expect it: loop controls, tokens by their role, and JSON that is not escaped."""
    place = model(tmp_path, template, bos_token="<s>", eos_token={"content": "</s>"})
    assert ChatTemplate(place).fill(MESSAGES) == filled


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (None, "has no chat template"),
        ("{% if %}", "does not work"),
        ("{{ messages[0].content.__class__.__mro__ }}", "does not work"),
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{{ 'x' + 5 }}", "does not work"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("x" * (MOST_SOURCE_CHARS + 1), "characters"),
        ("{% for a in range(5000) %}{{ 'x' * 1000 }}{% endfor %}", f"more than {MOST_FILLED_CHARS}"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "never comes to its end"),
        ("{{ 'x' * 99999999999 }}", "too much memory"),
        ("{{ '%99999999999d' % 1 }}", "does not work"),
        (DOUBLED, "too much memory|not filled within 2 s"),
        (LOOP + "{% endfor %}{% endfor %}", "not filled within 2 s"),
        ("{{ 9 ** (9 ** 9) }}", "not filled within 2 s|too much memory"),
    ],
)
def test_a_template_that_cannot_be_used_is_named(tmp_path: Path, template: str | None, words: str) -> None:
    """A chat fails with what is wrong, and neither time nor memory goes without end."""
    with pytest.raises(EngineError, match=words) as raised:
        ChatTemplate(model(tmp_path, template), timeout_s=2).fill(MESSAGES)
    assert str(tmp_path) in str(raised.value)
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer_config.json", b"{"),
        ("tokenizer_config.json", b"[" * 100_000),
        ("tokenizer_config.json", b"\xff"),
        ("chat_template.jinja", b"\xff"),
    ],
)
def test_a_file_that_is_damaged_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    """Not taken for a model without a template."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EngineError, match=name):
        ChatTemplate(tmp_path).fill(MESSAGES)


def test_messages_of_one_shape_are_filled_once(tmp_path: Path) -> None:
    """Later chats do not wait for a process."""
    template = ChatTemplate(model(tmp_path, "{{ messages | length }}"))
    assert template.fill(MESSAGES) == "1"
    (tmp_path / "tokenizer_config.json").unlink()
    assert template.fill(list(MESSAGES)) == "1"
    with pytest.raises(EngineError, match="no chat template"):
        template.fill(MESSAGES * 2)


def test_a_template_cannot_reach_into_the_folder_of_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module beside it is not taken for one of ours."""
    (tmp_path / "json.py").write_text("raise SystemExit(5)")
    monkeypatch.chdir(tmp_path)
    assert ChatTemplate(model(tmp_path, "x")).fill(MESSAGES) == "x"
