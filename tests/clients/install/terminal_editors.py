"""Puts Helix and Emacs into a directory, from Debian packages unpacked privately."""

from pathlib import Path

from clients.install import debian
from clients.install.base import once, run

_HELIX = """#!/bin/sh
export HELIX_RUNTIME={runtime}
exec {binary} "$@"
"""

_EMACS = """#!/bin/sh
export EMACSPATH={libexec}
export EMACSLOADPATH=$(find {share}/lisp -type d | tr '\\n' ':') EMACSDATA={share}/etc EMACSDOC={share}/etc
exec {binary} --dump-file={dump} "$@"
"""


def helix(directory: Path) -> Path:
    """The command `hx`, installed under `directory`. Raises InstallError."""
    return once(directory, "helix", _install_helix) / "hx"


def emacs(directory: Path) -> Path:
    """The command `emacs` without a window system, installed under `directory`. Raises InstallError."""
    return once(directory, "emacs", _install_emacs) / "emacs"


def _install_helix(home: Path) -> None:
    root = debian.unpack(home, "hx")
    binary = root / "usr" / "bin" / "hx"
    debian.link_privately(home, root, binary)
    _wrap(home / "hx", _HELIX.format(runtime=root / "usr" / "lib" / "hx" / "runtime", binary=binary))


def _install_emacs(home: Path) -> None:
    root = debian.unpack(home, "emacs-nox")
    binary = root / "usr" / "bin" / "emacs-nox"
    debian.link_privately(home, root, binary)
    (share,) = (root / "usr" / "share" / "emacs").glob("[0-9]*")
    (dump,) = (root / "usr" / "libexec" / "emacs").glob("*/*/*.pdmp")
    _wrap(home / "emacs", _EMACS.format(share=share, libexec=dump.parent, binary=binary, dump=dump))


def _wrap(path: Path, script: str) -> None:
    path.write_text(script)
    path.chmod(0o755)
    run(str(path), "--version")
