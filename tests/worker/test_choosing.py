"""Which engine runs a model: what the settings say, what is there, and why."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from turnout.core.models import Model
from turnout.errors import EngineMissing, HashMismatch, ModelError, ModelMissing
from turnout.local.choosing import Choice, Machine, Weights, choose, look_around

BUILD = "the CUDA extension of exllamav2 is not compiled yet"
NO_CARD = "no NVIDIA driver answers on this machine"
GPU = Machine(exllamav3="the package exllamav3 is not installed")
BOTH = Machine()
CPU = Machine(exllamav2=NO_CARD, exllamav3=NO_CARD)
UNBUILT = Machine(exllamav2=BUILD, exllamav3="the package exllamav3 is not installed")
BARE = Machine("the package xllamacpp is not installed", NO_CARD, NO_CARD)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A GGUF file, and directories in two formats."""
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    for name, method in (("exl2", "exl2"), ("exl3", "exl3")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(
            json.dumps({"quantization_config": {"quant_method": method}})
        )
    return tmp_path


def pick(place: Path, wanted: str, machine: Machine, folder: str = "", path: str = "") -> Choice:
    """Choose for a model whose GGUF file is here, with a directory beside it where `folder` names one."""
    weights = Weights(
        file=lambda _name: place / "model.gguf", folder=lambda _name: place / folder if folder else None
    )
    model = Model("near", "local", "qwen2.5-coder-7b", path=str(place / path) if path else None)
    return choose(wanted, model, weights, lambda: machine)


@pytest.mark.parametrize(
    ("wanted", "machine", "folder", "path", "engine", "file", "reason"),
    [
        ("auto", GPU, "exl2", "", "exllamav2", "exl2", "are ready"),
        ("auto", BOTH, "exl3", "", "exllamav3", "exl3", "are ready"),
        ("auto", GPU, "exl3", "", "llamacpp", "model.gguf", "exllamav3 is not installed"),
        ("auto", GPU, "", "", "llamacpp", "model.gguf", "no EXL2, EXL3, GPTQ or 16-bit weights"),
        ("auto", CPU, "exl2", "", "llamacpp", "model.gguf", NO_CARD),
        ("auto", UNBUILT, "exl2", "", "llamacpp", "model.gguf", BUILD),
        ("auto", GPU, "exl2", "model.gguf", "llamacpp", "model.gguf", "any machine"),
        ("auto", GPU, "", "exl2", "exllamav2", "exl2", "are ready"),
        ("llamacpp", GPU, "exl2", "", "llamacpp", "model.gguf", "the settings say so"),
        ("exllamav2", GPU, "exl2", "", "exllamav2", "exl2", "the settings say so"),
        ("exllamav3", BOTH, "exl3", "", "exllamav3", "exl3", "the settings say so"),
    ],
)
def test_the_engine_is_the_one_that_can(
    place: Path,
    wanted: str,
    machine: Machine,
    folder: str,
    path: str,
    engine: str,
    file: str,
    reason: str,
) -> None:
    """`auto` takes the GPU where driver, package, extension and weights are there, and says what was missing."""
    choice = pick(place, wanted, machine, folder, path)
    assert (choice.engine, choice.path) == (engine, place / file)
    assert any(reason in each for each in choice.reasons)


@pytest.mark.parametrize(
    ("wanted", "machine", "folder", "path", "error", "words"),
    [
        ("exllamav2", UNBUILT, "exl2", "", EngineMissing, r"not compiled yet.*turnout models prepare"),
        (
            "exllamav2",
            Machine(exllamav2="the package torch is not installed"),
            "exl2",
            "",
            EngineMissing,
            r"-m pip install '\.\[gpu\]'",
        ),
        ("exllamav2", CPU, "exl2", "", EngineMissing, r"no NVIDIA driver.*turnout doctor --gpu"),
        ("exllamav2", GPU, "", "", ModelError, r"no directory with weights.*--form exl2"),
        ("exllamav2", GPU, "", "model.gguf", ModelError, r"model\.gguf is a file"),
        ("llamacpp", GPU, "", "exl2", ModelError, r"is a directory, and llama\.cpp takes a GGUF"),
        ("auto", CPU, "", "exl2", EngineMissing, r"no NVIDIA driver"),
        ("auto", BARE, "", "", EngineMissing, r"pip install xllamacpp"),
        ("auto", GPU, "", "gone.gguf", ModelError, r"no file .*gone\.gguf.*models\.near\.path"),
    ],
)
def test_what_cannot_run_says_what_to_do(
    place: Path,
    wanted: str,
    machine: Machine,
    folder: str,
    path: str,
    error: type[Exception],
    words: str,
) -> None:
    """Each failure names what is missing and the next step."""
    with pytest.raises(error, match=words):
        pick(place, wanted, machine, folder, path)


def test_a_model_that_is_nowhere_is_missing(place: Path) -> None:
    """The editor then offers to fetch it."""

    def nowhere(name: str) -> Path:
        raise ModelMissing("not here", model=name)

    weights = Weights(nowhere, lambda _name: None)
    with pytest.raises(ModelMissing):
        choose("auto", Model("near", "local", "qwen2.5-coder-7b"), weights, lambda: GPU)


def test_looking_around_imports_nothing_heavy() -> None:
    """A server asks this between two keystrokes."""
    script = (
        "import sys; from turnout.local.choosing import look_around; look_around();"
        "sys.exit(any(name in sys.modules for name in ('torch', 'exllamav2', 'xllamacpp')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
    assert isinstance(look_around(), Machine)


def without_weights(_name: str) -> Path:
    """For a machine on which nothing looks at a GPU's weights."""
    raise AssertionError("a directory was looked at, and its gigabytes hashed")


@pytest.mark.parametrize(("wanted", "error"), [("auto", None), ("exllamav2", EngineMissing)])
def test_the_machine_is_asked_before_weights_are_hashed(
    place: Path, wanted: str, error: type[Exception] | None
) -> None:
    """Where no engine can use a directory, nobody waits for its hashes."""
    weights = Weights(lambda _name: place / "model.gguf", without_weights)
    model = Model("near", "local", "qwen2.5-coder-7b")
    if error is not None:
        with pytest.raises(error):
            choose(wanted, model, weights, lambda: CPU)
    else:
        choice = choose(wanted, model, weights, lambda: CPU)
        assert (choice.engine, choice.path) == ("llamacpp", place / "model.gguf")


def test_a_damaged_directory_is_passed_over(place: Path) -> None:
    """`auto` goes on to the GGUF file and says why; whoever named the engine hears of the damage."""

    def damaged(_name: str) -> Path:
        raise HashMismatch("model.safetensors has SHA-256 none.")

    weights = Weights(lambda _name: place / "model.gguf", damaged)
    model = Model("near", "local", "qwen2.5-coder-7b")
    choice = choose("auto", model, weights, lambda: GPU)
    assert (choice.engine, choice.reasons[0]) == ("llamacpp", "model.safetensors has SHA-256 none.")
    with pytest.raises(HashMismatch):
        choose("exllamav2", model, weights, lambda: GPU)


def test_a_path_of_nobody_is_said(place: Path) -> None:
    """A home directory that there is not is the user's error, with advice."""
    model = Model("near", "local", "qwen2.5-coder-7b", path="~nobody-here/x.gguf")
    with pytest.raises(ModelError, match=r"nobody-here.*models\.near\.path"):
        choose("auto", model, Weights(without_weights, without_weights), lambda: GPU)
    model = Model("near", "local", "~nobody-here/x")
    assert choose("auto", model, Weights(lambda _name: place, lambda _name: None), lambda: GPU).path == place


def test_an_empty_directory_holds_no_model(place: Path) -> None:
    """That is said before anything of engines or cards."""
    (place / "empty").mkdir()
    for wanted in ("auto", "exllamav2", "llamacpp"):
        with pytest.raises(ModelError, match="it holds no model"):
            pick(place, wanted, CPU, path="empty")
