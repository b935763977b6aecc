"""What `auto` stands for: decided once, remembered, and taken back only by the user."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from turnout import automatic, models
from turnout.errors import ModelError
from turnout.models import choice
from turnout.models.choice import Choice
from turnout.models.hardware import Machine

GB = 1_000_000_000
SMALL = Machine(ram_bytes=8 * GB, cores=2, bandwidth=31.4e9)
LARGE = Machine(ram_bytes=32 * GB, cores=12, bandwidth=350e9)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Directories of their own; returns the state directory."""
    for kind in ("STATE", "CACHE"):
        monkeypatch.setenv(f"TURNOUT_{kind}_DIR", str(tmp_path / kind.lower()))
    for name in ("TURNOUT_MANIFEST", "TURNOUT_AUTO_MODEL", "TURNOUT_ENGINE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "state"


def never() -> Machine:
    """For what must not look at the machine again."""
    raise AssertionError("the machine was measured")


def once(machine: Machine) -> Callable[[], Machine]:
    """A measurement."""
    return lambda: machine


def test_the_first_answer_is_measured_and_the_next_ones_are_remembered() -> None:
    """The machine is looked at once, also across processes: the choice is a file."""
    first = choice.chosen(once(SMALL))
    assert (first.model, first.form) == (models.DEFAULT_MODEL, "gguf")
    assert "ms here" in first.reason
    assert choice.chosen(never) == choice.remembered() == first


def test_a_better_machine_changes_nothing_by_itself() -> None:
    """What was chosen holds until the user asks for another choice."""
    choice.chosen(once(SMALL))
    assert choice.chosen(once(LARGE)).model == models.DEFAULT_MODEL
    assert choice.choose(LARGE).model == "qwen2.5-coder-7b"
    assert choice.chosen(never).model == "qwen2.5-coder-7b"


def test_what_is_here_is_taken_before_a_download(tmp_path: Path) -> None:
    """A model of the user's own choosing that is good enough serves."""
    name = models.form_of("qwen2.5-coder-1.5b", "gguf").file
    (tmp_path / "cache" / "models").mkdir(parents=True)
    (tmp_path / "cache" / "models" / name).write_bytes(b"GGUF")
    chosen = choice.chosen(once(LARGE))
    assert chosen.model == "qwen2.5-coder-1.5b"
    assert chosen.reason.endswith("and it was here")


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{", "null", '{"model": "x", "form": "gguf", "reason": ""}'),
        '{"model": ["x"], "form": "gguf", "reason": ""}',
        '{"model": "qwen2.5-coder-0.5b", "form": "onnx", "reason": ""}',
        '{"model": "qwen2.5-coder-0.5b", "form": "exl2", "reason": ""}',
    ],
)
def test_a_memory_that_names_nothing_is_no_memory(home: Path, text: str) -> None:
    """A damaged file, or a model that is no longer known: the machine decides anew."""
    home.mkdir()
    (home / "auto-model.json").write_text(text, "utf-8")
    assert choice.remembered() is None
    assert choice.chosen(once(SMALL)).model == models.DEFAULT_MODEL
    assert json.loads((home / "auto-model.json").read_text("utf-8"))["model"] == models.DEFAULT_MODEL


def test_without_a_state_directory_every_process_decides(home: Path) -> None:
    """By the same rules, so with the same answer."""
    home.write_text("in the way", "utf-8")
    assert choice.chosen(once(SMALL)) == choice.chosen(once(SMALL))


def test_where_nothing_fits_it_is_the_smallest() -> None:
    """The error that the worker then gives names what it needs."""
    tiny = replace(SMALL, ram_bytes=GB // 2)
    assert (
        choice.chosen(once(tiny)).reason == "no model fits the memory of this machine; this is the smallest"
    )


def test_the_environment_can_say_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """For whoever manages many machines, without looking at this one; the fake engine asks for none."""
    monkeypatch.setenv("TURNOUT_AUTO_MODEL", "qwen2.5-coder-3b")
    assert choice.chosen(never) == Choice("qwen2.5-coder-3b", "gguf", "TURNOUT_AUTO_MODEL names it")
    assert automatic.model_name() == "qwen2.5-coder-3b"
    monkeypatch.setenv("TURNOUT_ENGINE", "fake")
    assert automatic.model_name() == models.DEFAULT_MODEL
    assert choice.remembered() is None


ON_CARD = '{"model": "qwen2.5-coder-32b", "form": "gptq", "reason": "it was here"}'


def card_gone(form: str) -> bool:
    """For a machine on which no engine for a card is ready."""
    return form == "gguf"


def test_what_cannot_be_written_is_kept_in_memory(home: Path) -> None:
    """A state directory that refuses costs one measurement and not one with each reading of the settings."""
    home.write_text("in the way", "utf-8")
    first = choice.chosen(once(SMALL))
    assert choice.chosen(never) == choice.remembered() == first
    assert choice.choose(LARGE) == choice.chosen(never)


def test_a_choice_for_a_card_waits_while_the_card_is_gone(home: Path) -> None:
    """Another model stands in, measured once, and the choice counts again with the card."""
    home.mkdir()
    (home / "auto-model.json").write_text(ON_CARD, "utf-8")
    stand_in = choice.chosen(once(SMALL), card_gone)
    assert (stand_in.model, stand_in.form) == (models.DEFAULT_MODEL, "gguf")
    assert "qwen2.5-coder-32b" in stand_in.reason
    assert choice.chosen(never, card_gone) == stand_in
    assert choice.chosen(never).model == "qwen2.5-coder-32b"
    assert (home / "auto-model.json").read_text("utf-8") == ON_CARD


def test_a_model_on_a_lost_card_is_not_fetched_for_the_processor(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tens of gigabytes for a model that would be too slow are what nobody asked for."""
    home.mkdir()
    (home / "auto-model.json").write_text(ON_CARD, "utf-8")
    monkeypatch.setattr(automatic, "_card_is_ready", lambda: False)
    monkeypatch.setattr(automatic, "machine", once(SMALL))
    assert automatic.model_name() == models.DEFAULT_MODEL
    assert automatic.form_of(models.DEFAULT_MODEL) == "gguf"
    with pytest.raises(ModelError, match=r"19\.9 GB.*turnout models pull qwen2\.5-coder-32b"):
        automatic.form_of("qwen2.5-coder-32b")


def test_the_form_for_the_card_is_fetched_while_there_is_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was chosen for a card, and is missing, is fetched for it, up to what may be fetched unasked."""
    home.mkdir()
    for name in ("qwen2.5-coder-7b", "qwen2.5-coder-32b"):
        (home / "auto-model.json").write_text(ON_CARD.replace("qwen2.5-coder-32b", name), "utf-8")
        monkeypatch.setattr(automatic, "_card_is_ready", lambda: True)
        if name == "qwen2.5-coder-7b":
            assert automatic.form_of(name) == "gptq"
        else:
            with pytest.raises(ModelError, match="--form gptq"):
                automatic.form_of(name)
