"""Models that the manifest does not pin, as a directory or as one file: what they are held to, and what is refused."""

import hashlib
import http.client
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import repo_kit as kit
from turnout import models
from turnout.errors import DownloadFailed, HashMismatch, ModelError, ModelMissing, PullCancelled
from turnout.models import hub as hub_transport

GGUF = b"GGUF" + b"weights" * 100


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[kit.Repository]:
    """A repository, and a cache of its own."""
    with kit.repository({**kit.FILES, **kit.BESIDE, "boxed.gguf": GGUF}) as running:
        for name, value in kit.environment(tmp_path, running.url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield running


def state(form: models.FormName = "gptq") -> str:
    """What the list says of the model."""
    entry = models.entry("boxed")
    return models.listed(entry, models.form_of("boxed", form)).state


def pull(form: models.FormName = "gptq") -> tuple[Path, list[str]]:
    """A pull, and the notices that its user reads."""
    said: list[str] = []
    path = models.pull("boxed", form, progress=lambda p: said.append(p.notice) if p.notice else None)
    return path, said


def test_a_directory_comes_with_exactly_what_an_engine_reads(hub: kit.Repository) -> None:
    """Configuration, tokenizer and safetensors of the listed commit arrive; code, pickles and subfolders do not."""
    assert state() == "missing"
    path, said = pull()
    assert {file.name: file.read_bytes() for file in path.iterdir()} == kit.FILES
    assert (path.name, state()) == ("boxed-gptq", "ready")
    assert models.locate("boxed", "gptq") == path
    assert not [asked for asked in hub.asked if ".py" in asked or ".bin" in asked]
    assert "not on Sundays" in said[0]
    assert "Turnout does not pin boxed in this form" in said[1]
    assert kit.COMMIT[:12] in said[1]


def test_what_was_recorded_holds_later(hub: kit.Repository) -> None:
    """A second pull asks nobody, and a listing that has changed since changes nothing."""
    path, _ = pull()
    asked = len(hub.asked)
    hub.files["config.json"] = b"{}"
    assert pull()[0] == path
    assert len(hub.asked) == asked
    assert models.verify("boxed", "gptq") == path


@pytest.mark.parametrize("name", ["config.json", "model-00002-of-00002.safetensors"])
def test_a_changed_file_is_never_loaded_and_fetched_anew_alone(hub: kit.Repository, name: str) -> None:
    """The wrong file is deleted, the model is not here until a pull has brought that one back."""
    path, _ = pull()
    (path / name).write_bytes(b"x" * len(kit.FILES[name]))
    with pytest.raises(HashMismatch, match=name):
        models.locate("boxed", "gptq")
    assert state() == "partial"
    with pytest.raises(ModelMissing) as missing:
        models.locate("boxed", "gptq")
    assert (missing.value.model, missing.value.form) == ("boxed", "gptq")
    assert "turnout models pull boxed --form gptq" in missing.value.advice
    hub.asked.clear()
    assert pull()[0] == path
    assert hub.asked == [f"/{kit.REPO}/resolve/{kit.COMMIT}/{name}"]


def test_a_stranger_among_the_files_is_named_and_not_loaded(hub: kit.Repository) -> None:
    """An engine reads every safetensors file that it finds."""
    path, _ = pull()
    (path / "more.safetensors").write_bytes(b"evil")
    with pytest.raises(ModelError, match=r"more\.safetensors, which is no file of boxed"):
        models.locate("boxed", "gptq")
    (path / "more.safetensors").unlink()
    assert models.locate("boxed", "gptq") == path


def test_a_link_in_place_of_a_file_is_not_the_file(hub: kit.Repository, tmp_path: Path) -> None:
    """What a link leads to may change unseen."""
    path, _ = pull()
    target = tmp_path / "elsewhere.json"
    target.write_bytes(kit.FILES["config.json"])
    (path / "config.json").unlink()
    (path / "config.json").symlink_to(target)
    with pytest.raises(HashMismatch):
        models.locate("boxed", "gptq")


def test_a_pull_that_was_stopped_goes_on(hub: kit.Repository) -> None:
    """What has arrived is kept, and the directory has its name only when it is whole."""
    cancel = False

    def progress(said: models.Progress) -> None:
        nonlocal cancel
        cancel = said.done_bytes > 210_000

    with pytest.raises(PullCancelled):
        models.pull("boxed", "gptq", progress=progress, cancelled=lambda: cancel)
    assert state() == "partial"
    hub.asked.clear()
    pull()
    assert state() == "ready"
    assert not [asked for asked in hub.asked if "00002" not in asked]


@pytest.mark.parametrize("name", ["config.json", "model-00001-of-00002.safetensors"])
def test_bytes_that_are_not_the_listed_ones_are_refused(hub: kit.Repository, name: str) -> None:
    """Neither a small file that differs from its git id nor a large one that differs from its hash gets in."""
    hub.served[name] = bytes(len(kit.FILES[name]))
    with pytest.raises((DownloadFailed, HashMismatch), match=name if name == "config.json" else "SHA-256"):
        pull()
    assert state() in ("missing", "partial")


@pytest.mark.parametrize(
    "name", ["../config.json", "/etc/x.json", "..\\x.json", "a/../../x.json", "C:x.json", "x\n.json", ""]
)
def test_a_repository_with_a_hostile_name_is_not_touched(
    hub: kit.Repository, name: str, tmp_path: Path
) -> None:
    """A file name that leads elsewhere is no accident: nothing is written."""
    hub.files[name] = b"{}"
    with pytest.raises(DownloadFailed, match="nothing of it is used"):
        pull()
    assert not list((tmp_path / "cache" / "models").glob("*boxed-gptq*/*"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sha": "main"}, "not usable"),
        ({"siblings": None}, "not usable"),
        ({"siblings": [{"rfilename": "a.safetensors", "lfs": {"sha256": "x", "size": 1}}]}, "not usable"),
        ({"siblings": [{"rfilename": "config.json", "size": 2, "blobId": "x"}]}, "does not hold"),
    ],
)
def test_a_listing_that_makes_no_model_is_said(
    hub: kit.Repository, change: dict[str, object], words: str
) -> None:
    """What the hub says is checked before anything is made of it."""
    hub.listing_changes = change
    with pytest.raises(DownloadFailed, match=words) as failed:
        pull()
    assert "turnout models pull boxed --form gptq" in failed.value.advice


def test_two_names_that_one_disk_cannot_tell_apart_are_refused(hub: kit.Repository) -> None:
    """On a system that ignores case, the second file would replace the first after it was hashed."""
    hub.files["Config.json"] = b"{}"
    with pytest.raises(DownloadFailed, match="differ only in case"):
        pull()


def test_hashes_are_taken_over_https_only(hub: kit.Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a pin the transport is all that vouches for a hash."""
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.example")
    with pytest.raises(DownloadFailed, match="HTTPS only"):
        pull()


def test_one_file_that_is_not_pinned_is_held_to_the_first_listing(hub: kit.Repository) -> None:
    """A GGUF file without a pin: recorded at the first pull, checked against that record from then on."""
    with pytest.raises(ModelMissing):
        models.locate("boxed")
    path, said = pull("gguf")
    assert path.read_bytes() == GGUF
    assert "Turnout does not pin boxed" in said[1]
    record = json.loads(path.with_name("boxed-gguf.pins.json").read_text("utf-8"))
    assert record["files"]["boxed.gguf"]["sha256"] == hashlib.sha256(GGUF).hexdigest()
    assert models.locate("boxed") == path
    hub.files["boxed.gguf"] = b"GGUF, but another"
    path.write_bytes(hub.files["boxed.gguf"])
    with pytest.raises(HashMismatch):
        models.locate("boxed")
    with pytest.raises(DownloadFailed, match="not the pinned"):
        pull("gguf")


def test_without_its_record_a_model_is_not_here(hub: kit.Repository) -> None:
    """A damaged lock file vouches for nothing; the next pull looks at the hub's listing again."""
    path, _ = pull("gguf")
    path.with_name("boxed-gguf.pins.json").write_text("{", "utf-8")
    with pytest.raises(ModelMissing):
        models.locate("boxed")
    hub.asked.clear()
    assert pull("gguf")[0] == path
    assert len(hub.asked) == 1


@pytest.mark.parametrize("form", ["gguf", "gptq"])
def test_remove_leaves_nothing(hub: kit.Repository, form: models.FormName, tmp_path: Path) -> None:
    """Neither weights nor what was recorded of them; the next pull begins anew."""
    pull(form)
    assert models.remove("boxed", form)
    left = [file.name for file in (tmp_path / "cache" / "models").iterdir()]
    assert [name for name in left if not name.endswith(".lock")] == []
    assert state(form) == "missing"
    assert not models.remove("boxed", form)


def test_a_form_that_a_model_has_not_is_named(hub: kit.Repository) -> None:
    """The error names those that it has."""
    with pytest.raises(ModelError, match="boxed is not known as exl2") as error:
        models.locate("boxed", "exl2")
    assert error.value.advice == "It is known as: gguf, gptq."


def test_a_file_cannot_bring_a_directory(hub: kit.Repository, tmp_path: Path) -> None:
    """`--file` is for GGUF."""
    with pytest.raises(ModelError, match="is a directory, which --file cannot bring"):
        models.pull("boxed", "gptq", file=tmp_path)


def own_directory(tmp_path: Path) -> Path:
    """A directory of the user's that holds the model's files and others."""
    mine = tmp_path / "mine"
    (mine / "finetunes").mkdir(parents=True)
    (mine / "finetunes" / "weights.bin").write_bytes(b"precious")
    (mine / "notes.txt").write_bytes(b"precious")
    for name, data in kit.FILES.items():
        (mine / name).write_bytes(data)
    return mine


def contents(path: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


@pytest.mark.parametrize("suffix", ["", ".partial"])
@pytest.mark.parametrize("pinned", [True, False])
def test_what_a_link_leads_to_is_neither_changed_nor_loaded(
    hub: kit.Repository, tmp_path: Path, suffix: str, pinned: bool
) -> None:
    """A user who links a directory of their own into the place of a model loses nothing by a pull or a removal."""
    if pinned:
        pull()
        record = tmp_path / "cache" / "models" / "boxed-gptq.pins.json"
        kept = record.read_bytes()
        models.remove("boxed", "gptq")
        record.write_bytes(kept)
    mine = own_directory(tmp_path)
    before = contents(mine)
    link = tmp_path / "cache" / "models" / f"boxed-gptq{suffix}"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(mine)
    with pytest.raises(ModelError, match="is a link"):
        pull()
    with pytest.raises(ModelError, match="not on this machine" if suffix else "is a link"):
        models.locate("boxed", "gptq")
    assert (link.is_symlink(), contents(mine)) == (True, before)
    assert models.remove("boxed", "gptq")
    assert (link.is_symlink(), contents(mine)) == (False, before)


@pytest.mark.parametrize("suffix", ["", ".partial"])
@pytest.mark.parametrize("name", ["finetunes/weights.bin", "config.json.partial/x", "mine.safetensors"])
def test_what_no_pull_wrote_is_never_deleted(
    hub: kit.Repository, tmp_path: Path, suffix: str, name: str
) -> None:
    """Neither a pull nor a removal deletes a file of the user's among the model's: both name it and stop."""
    path, _ = pull()
    path.with_name("boxed-gptq.json").unlink()
    place = path.with_name(f"boxed-gptq{suffix}")
    (place / name).parent.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(b"precious")
    before = contents(path.parent)
    for use in (pull, lambda: models.remove("boxed", "gptq")):
        with pytest.raises(ModelError, match=f"holds {name.partition('/')[0]}, which is no file of boxed"):
            use()
    assert contents(path.parent) == before


def test_a_missing_file_is_fetched_alone(hub: kit.Repository) -> None:
    """The model is then not here, and the advice is to pull it, which brings that file."""
    path, _ = pull()
    (path / "config.json").unlink()
    with pytest.raises(ModelMissing) as missing:
        models.locate("boxed", "gptq")
    assert "turnout models pull boxed --form gptq" in missing.value.advice
    hub.asked.clear()
    pull()
    assert hub.asked == [f"/{kit.REPO}/resolve/{kit.COMMIT}/config.json"]
    assert state() == "ready"


def test_a_record_of_one_file_that_names_two_is_damaged(hub: kit.Repository, tmp_path: Path) -> None:
    """It vouches for nothing and breaks nothing: neither the list, nor the choice of a model, nor a pull."""
    path, _ = pull("gguf")
    record = path.with_name("boxed-gguf.pins.json")
    data = json.loads(record.read_text("utf-8"))
    data["files"]["other.gguf"] = data["files"]["boxed.gguf"]
    record.write_text(json.dumps(data), "utf-8")
    assert [each.state for each in models.listing()] == ["partial", "missing"]
    with pytest.raises(ModelMissing):
        models.locate("boxed")
    assert pull("gguf")[0] == path


@pytest.mark.parametrize(("form", "name"), [("gptq", "config.json"), ("gguf", "boxed.gguf")])
def test_a_file_that_is_listed_twice_is_refused(
    hub: kit.Repository, form: models.FormName, name: str
) -> None:
    """Of two entries with one name, which hash counts would be chance."""
    siblings = hub.listing()["siblings"]
    hub.listing_changes = {"siblings": [*siblings, *(each for each in siblings if each["rfilename"] == name)]}
    with pytest.raises(DownloadFailed, match=r"twice|are the same"):
        pull(form)


def test_hashes_do_not_follow_a_redirect_to_plain_http(hub: kit.Repository) -> None:
    """Without a pin the transport is all that vouches for a hash, on the whole way."""
    hub.redirect = "http://mirror.example/listing"
    with pytest.raises(DownloadFailed, match="redirects to plain http"):
        pull()


@pytest.mark.parametrize(
    ("asked", "led_to", "followed"),
    [
        ("https://hub.example/a", "https://cdn.example/a", True),
        ("https://hub.example/a", "http://hub.example/a", False),
        ("https://hub.example/a", "http://127.0.0.1/a", False),
        ("http://127.0.0.1/a", "http://127.0.0.1:8000/b", True),
        ("http://127.0.0.1/a", "http://hub.example/a", False),
    ],
)
def test_a_redirect_stays_as_safe_as_what_was_asked(asked: str, led_to: str, followed: bool) -> None:
    """HTTPS leads to HTTPS, and this machine to itself."""
    handler, headers = hub_transport.SafeRedirects(), http.client.HTTPMessage()
    request = urllib.request.Request(asked)
    if followed:
        answer = handler.redirect_request(request, io.BytesIO(), 302, "Found", headers, led_to)
        assert answer is not None
        assert answer.full_url == led_to
    else:
        with pytest.raises(urllib.error.URLError, match="plain http"):
            handler.redirect_request(request, io.BytesIO(), 302, "Found", headers, led_to)


def test_a_path_of_nobody_is_said(hub: kit.Repository) -> None:
    """A home directory that there is not is the user's error, with advice, and not ours."""
    for use in (
        lambda: models.locate("~nobody-here/x.gguf"),
        lambda: models.pull("boxed", file=Path("~nobody-here/x.gguf")),
    ):
        with pytest.raises(ModelError, match="cannot be read") as error:
            use()
        assert "Correct the path" in error.value.advice
