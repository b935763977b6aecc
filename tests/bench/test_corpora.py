"""The repositories that completions are measured on: pinned, and taken from nowhere but their pins."""

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from bench import corpora
from bench.corpora import CORPORA, Corpus, Unavailable, fetched


def test_every_pin_names_a_version_and_a_hash() -> None:
    """At least three languages, each release exact."""
    assert len({corpus.language for corpus in CORPORA}) >= 3
    for corpus in CORPORA:
        assert len(bytes.fromhex(corpus.sha256)) == 32
        assert any(character.isdigit() for character in corpus.package.removeprefix(corpus.name))


def test_only_the_pinned_bytes_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another archive under the same name is refused, and the right one is fetched once."""
    archive = tmp_path / "archive.whl"
    with zipfile.ZipFile(archive, "w") as wheel:
        wheel.writestr("package/code.py", "x = 1\n")
    downloads: list[str] = []

    def download(corpus: Corpus, folder: Path) -> Path:
        downloads.append(corpus.package)
        return archive

    monkeypatch.setattr(corpora, "_download", download)
    right = Corpus("python", "pip", "some==1.0", hashlib.sha256(archive.read_bytes()).hexdigest(), "package")
    with pytest.raises(Unavailable, match="has the hash"):
        fetched(replace(right, sha256="0" * 64), tmp_path / "cache")
    for _ in range(2):
        assert (fetched(right, tmp_path / "cache") / "code.py").read_text() == "x = 1\n"
    assert len(downloads) == 2
