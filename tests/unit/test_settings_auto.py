"""`model = "auto"`: what it is called once the machine has decided, and when the machine is asked."""

from pathlib import Path

import pytest

from turnout.settings import load


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty configuration; returns its file."""
    monkeypatch.setenv("TURNOUT_CONFIG_DIR", str(tmp_path))
    return tmp_path / "config.toml"


def never() -> str:
    """For settings that say it all."""
    raise AssertionError("the machine was asked")


def test_the_default_is_called_what_the_machine_decided() -> None:
    """Every place that names the model, in the list and in each chain, shows the decision; the setting stays `auto`."""
    loaded = load(None, None, trusted=False, auto_model=lambda: "qwen2.5-coder-7b")
    policy = loaded.policy
    near = {m for m in policy.models if m.name == "near"}
    near |= {m for chain in policy.routes.values() for m in chain.models if m.name == "near"}
    assert {model.model for model in near} == {"qwen2.5-coder-7b"}
    assert loaded.settings.models["near"].model == "auto"


@pytest.mark.parametrize(
    ("toml", "model"),
    [
        ('[models.near]\nmodel = "qwen2.5-coder-3b"', "qwen2.5-coder-3b"),
        ('[models.near]\npath = "/weights/starcoder2-3b.Q8_0.gguf"', "starcoder2-3b.Q8_0"),
    ],
)
def test_who_names_a_model_or_a_file_gets_that(config: Path, toml: str, model: str) -> None:
    """The machine is not asked; a file is called by its own name, by which its family is found."""
    config.write_text(toml, "utf-8")
    loaded = load(None, None, trusted=False, auto_model=never)
    assert next(m.model for m in loaded.policy.models if m.name == "near") == model
