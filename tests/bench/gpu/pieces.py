"""What has to be carried to a machine that has only torch, in pieces that any channel takes.

Invariant: a file that is put together again is the one that was packed, by its SHA-256.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

PIECE_BYTES = 60_000_000
_MANIFEST = "manifest.json"
_WHEELS = (
    "exllamav2==0.3.2",
    "gguf",
    "jinja2",
    "markdown-it-py",
    "markupsafe",
    "mdurl",
    "ninja",
    "numpy",
    "pillow",
    "pygments",
    "pyyaml",
    "rich",
    "safetensors",
    "tokenizers",
)


class MissingPiecesError(Exception):
    """Some pieces are not here yet."""


def wheels(target: Path, python: str) -> list[Path]:
    """The packages that inference needs beside torch, for a 64-bit Linux with that Python."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(target)]
    command += ["--only-binary=:all:", "--python-version", python, "--platform", "manylinux_2_28_x86_64"]
    command += ["--platform", "manylinux_2_17_x86_64", "--platform", "manylinux2014_x86_64"]
    subprocess.run([*command, *_WHEELS], check=True)
    return sorted(target.glob("*.whl"))


def pack(files: list[Path], target: Path, expected: dict[str, Any]) -> None:
    """Cut `files` into pieces in `target`, with a manifest of what they were and of the answers to expect."""
    target.mkdir(parents=True, exist_ok=True)
    packed = [_cut(file, target) for file in files]
    manifest = {"files": packed, "expected": expected}
    (target / _MANIFEST).write_text(json.dumps(manifest, indent=1), "utf-8")


def gather(carried: Path, work: Path) -> dict[str, Any]:
    """Take what was carried here into `work`, and put files together; returns the answers to expect.

    Raises MissingPiecesError with their names where some are still to come: call it again after the next load.
    """
    store = work / "pieces"
    store.mkdir(parents=True, exist_ok=True)
    for piece in carried.iterdir() if carried.is_dir() else ():
        if not (store / piece.name).exists():
            shutil.copyfile(piece, store / piece.name)
    if not (store / _MANIFEST).exists():
        raise MissingPiecesError(_MANIFEST)
    manifest = json.loads((store / _MANIFEST).read_text("utf-8"))
    missing = [
        name
        for file in manifest["files"]
        for name in file["pieces"]
        if not (work / file["name"]).exists() and not (store / name).exists()
    ]
    if missing:
        raise MissingPiecesError(", ".join(missing))
    for file in manifest["files"]:
        _join(file, store, work)
    expected: dict[str, Any] = manifest["expected"]
    return expected


def use_wheels(work: Path) -> None:
    """Unpack the wheels, and have Python find them behind whatever is installed here."""
    place = work / "packages"
    if not place.exists():
        for wheel in sorted(work.glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(place)
    tools = {tool.parent for tool in place.glob("*.data/scripts/*") if _make_executable(tool)}
    sys.path.append(str(place))
    # For the compiler, which runs in processes of its own.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(place))))
    os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", ""), *map(str, tools)))


def _make_executable(tool: Path) -> bool:
    tool.chmod(0o755)
    return True


def _cut(file: Path, target: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    names: list[str] = []
    with file.open("rb") as source:
        while data := source.read(PIECE_BYTES):
            digest.update(data)
            names.append(f"{file.name}.{len(names):03}")
            (target / names[-1]).write_bytes(data)
    return {"name": file.name, "sha256": digest.hexdigest(), "pieces": names}


def _join(file: dict[str, Any], store: Path, work: Path) -> None:
    whole = work / file["name"]
    if whole.exists():
        return
    digest, draft = hashlib.sha256(), whole.with_suffix(".partial")
    with draft.open("wb") as out:
        for name in file["pieces"]:
            data = (store / name).read_bytes()
            digest.update(data)
            out.write(data)
    if digest.hexdigest() != file["sha256"]:
        draft.unlink()
        raise ValueError(f"{file['name']} was damaged on its way here: carry its pieces again")
    draft.replace(whole)
    for name in file["pieces"]:
        (store / name).unlink()
