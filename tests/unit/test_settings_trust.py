"""Trust in workspaces, and keys: what is kept, where, and that nothing is trusted by accident."""

import multiprocessing
import stat
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from turnout.core.models import Model
from turnout.errors import SettingsError
from turnout.settings import keys, trust


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TURNOUT_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def test_trust_and_back(tmp_path: Path, state: Path) -> None:
    """Trust holds for the real folder, whichever way leads there, until it is taken back."""
    (tmp_path / "repo" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("repo")
    assert not trust.is_trusted(tmp_path / "repo")
    assert trust.trust(tmp_path / "link") == tmp_path / "repo"
    assert trust.is_trusted(tmp_path / "repo")
    assert trust.is_trusted(tmp_path / "repo" / "sub" / "..")
    assert not trust.is_trusted(tmp_path / "repo" / "sub")
    assert not trust.is_trusted(tmp_path)
    assert trust.trusted_workspaces() == (tmp_path / "repo",)
    assert stat.S_IMODE((state / "trusted-workspaces").stat().st_mode) == 0o600
    assert trust.distrust(tmp_path / "repo")
    assert not trust.distrust(tmp_path / "repo")
    assert not trust.is_trusted(tmp_path / "link")


def test_link_that_is_moved(tmp_path: Path) -> None:
    """Trust in what a link led to is not trust in what it leads to later."""
    for name in ("good", "evil"):
        (tmp_path / name).mkdir()
    link = tmp_path / "link"
    link.symlink_to("good")
    trust.trust(link)
    link.unlink()
    link.symlink_to("evil")
    assert not trust.is_trusted(link)


def test_folder_that_is_gone(tmp_path: Path) -> None:
    """Trust can be taken back from a folder that no longer exists, and not be given to one."""
    (tmp_path / "repo").mkdir()
    trust.trust(tmp_path / "repo")
    (tmp_path / "repo").rmdir()
    assert trust.distrust(tmp_path / "repo")
    with pytest.raises(SettingsError, match="is not a folder"):
        trust.trust(tmp_path / "repo")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"{}", b'"/"', b"[1, null]", b"\xff", b"[" * 100_000, b"[" + b" " * 2_000_000 + b"]"],
)
def test_broken_list(tmp_path: Path, state: Path, content: bytes) -> None:
    """A list that cannot be read trusts nothing, and the next word of trust replaces it."""
    state.mkdir()
    (state / "trusted-workspaces").write_bytes(content)
    assert not trust.is_trusted(tmp_path)
    trust.trust(tmp_path)
    assert trust.is_trusted(tmp_path)


def test_list_that_cannot_be_written(tmp_path: Path, state: Path) -> None:
    """Where the list cannot be written the user is told, and nothing is left half done."""
    (state / "trusted-workspaces").mkdir(parents=True)
    with pytest.raises(SettingsError, match="cannot be written"):
        trust.trust(tmp_path)
    assert not trust.is_trusted(tmp_path)
    assert sorted(path.name for path in state.iterdir()) == ["trusted-workspaces", "trusted-workspaces.lock"]


def test_many_at_once(tmp_path: Path) -> None:
    """Processes that trust folders at the same time lose none of them."""
    folders = [tmp_path / f"repo{number}" for number in range(6)]
    for folder in folders:
        folder.mkdir()
    workers = [
        multiprocessing.get_context("fork").Process(target=trust.trust, args=(folder,)) for folder in folders
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert trust.trusted_workspaces() == tuple(folders)


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("env:TURNOUT_TEST_KEY", "secret"),
        ("env:TURNOUT_TEST_EMPTY", None),
        ("env:TURNOUT_TEST_NONE", None),
        ("keyring:work", "from the keyring"),
        ("keyring:none", None),
        ("keyring:locked", None),
        ("editor", None),
        ("secret", None),
        ("file:/etc/passwd", None),
    ],
)
def test_key(monkeypatch: pytest.MonkeyPatch, reference: str, key: str | None) -> None:
    """A reference leads to a key, or to none; a keyring that is locked has none."""

    def get_password(service: str, name: str) -> str | None:
        assert service == "turnout"
        if name == "locked":
            raise RuntimeError("locked")
        return {"work": "from the keyring"}.get(name)

    monkeypatch.setenv("TURNOUT_TEST_KEY", " secret\n")
    monkeypatch.setenv("TURNOUT_TEST_EMPTY", " ")
    monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(get_password=get_password))
    assert keys.resolve(reference) == key


def test_without_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keyring package is optional."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert keys.resolve("keyring:work") is None


def test_keys_present(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are named whose key is there; a model that needs none is not among them."""
    monkeypatch.setenv("TURNOUT_TEST_KEY", "x")
    models = [
        Model("a", "anthropic", "m", key="env:TURNOUT_TEST_KEY"),
        Model("b", "anthropic", "m", key="env:TURNOUT_TEST_NONE"),
        Model("c", "anthropic", "m"),
    ]
    assert keys.keys_present(models) == {"a"}
