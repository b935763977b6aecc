"""What a check finds outside of its copy: dependencies, Python's modules, settings above, and its environment."""

import os
import sys
from pathlib import Path

import pytest

from support.check_kit import PYTHON, edit, work_tree
from turnout.act.proposals import Check
from turnout.checks import run_checks, shadow
from turnout.core.edits.changes import file_change
from turnout.files import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return work_tree(tmp_path)


async def test_installed_dependencies_are_there(folder: Folder) -> None:
    """What git ignores but a check needs is lent to the copy, unless the change itself has files there."""
    root = folder.root
    (root / ".gitignore").write_text("node_modules\n.venv\n")
    python, _ = environment_of_python(root / ".venv", f"{root.resolve() / 'pkg'}\n/elsewhere\n")
    (root / "node_modules/dep").mkdir(parents=True)
    (root / "node_modules/dep/index.js").write_text("1")
    (root / "web/node_modules").mkdir(parents=True)
    (root / "web/package.json").write_text("{}")
    ask = (
        'import os; assert os.path.exists("node_modules/dep/index.js"); '
        'assert os.path.isdir("web/node_modules"); import a; assert a.VALUE == 2, a.__file__'
    )
    change, command = edit(folder, "pkg/a.py", "VALUE = 2\n"), f"{python} -c '{ask}'"
    assert await run_checks(folder, [change], [command]) == (Check(command, True),)
    inside = file_change("create", folder.uri("node_modules/x.js"), "node_modules/x.js", (), ("1\n",))
    command = f"""{PYTHON} -c 'import os; assert os.path.exists("node_modules/x.js")'"""
    assert (await run_checks(folder, [inside], [command]))[0].ok
    assert not (root / "node_modules/x.js").exists()


async def test_packages_of_one_workspace_find_each_other_in_the_copy(folder: Folder) -> None:
    """A link of `node_modules` that leads to a package of the folder leads to the changed one, and others stay."""
    root = folder.root
    (root / ".gitignore").write_text("node_modules\ndist\n")
    for path in ("packages/lib/index.js", "packages/lib/dist/a.js", "node_modules/.store/dep/dep.js"):
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text("1\n")
    (root / "packages/app").mkdir()
    (root / "packages/app/package.json").write_text("{}")
    for link, target in [
        ("node_modules/@acme/lib", "../../packages/lib"),
        ("node_modules/.bin/lib", "../../packages/lib/index.js"),
        ("node_modules/.bin/dep", "../.store/dep/dep.js"),
        ("node_modules/dep", ".store/dep"),
        ("node_modules/built", "../packages/lib/dist"),
        ("packages/app/node_modules/lib", "../../lib"),
    ]:
        (root / link).parent.mkdir(parents=True, exist_ok=True)
        (root / link).symlink_to(target)
    async with shadow.shadow(folder, [edit(folder, "packages/lib/index.js", "2\n")], changed=True) as copy:
        files = {
            "node_modules/@acme/lib/index.js": "2\n",
            "node_modules/.bin/lib": "2\n",
            "packages/app/node_modules/lib/index.js": "2\n",
            "node_modules/.bin/dep": "1\n",
            "node_modules/dep/dep.js": "1\n",
            "node_modules/built/a.js": "1\n",
            "node_modules/.store/dep/dep.js": "1\n",
        }
        assert {path: (copy.root / path).read_text() for path in files} == files
        assert (copy.root / "node_modules/dep").resolve() == (root / "node_modules/.store/dep").resolve()
    assert (root / "packages/lib/index.js").read_text() == "1\n"


def part_of_a_repository(folder: Folder) -> tuple[Path, Folder]:
    """A repository's top, and `folder` as a part of it."""
    top = folder.root.parent / "repository"
    root = top / "parts/app"
    (top / ".git").mkdir(parents=True)
    root.parent.mkdir()
    (folder.root / ".git/HEAD").unlink()
    (folder.root / ".git").rmdir()
    folder.root.rename(root)
    return top, Folder(root)


async def test_what_settings_from_above_import_is_found(folder: Folder) -> None:
    """A `conftest.py` above the folder has pytest search its own folder, of which the copy has no more than that."""
    top, part = part_of_a_repository(folder)
    (top / "conftest.py").write_text("from tools import VALUE\n")
    (top / "tools.py").write_text("from parts.app.pkg.a import VALUE\n")
    ask = 'import os, sys; sys.path.insert(0, os.path.abspath("../..")); import conftest; assert conftest.VALUE == 2'
    command = f"{PYTHON} -c '{ask}'"
    changes = [edit(part, "pkg/a.py", "VALUE = 2\n")]
    assert await run_checks(part, changes, [command]) == (Check(command, True),)


async def test_what_tools_look_for_above_the_folder_is_there(folder: Folder) -> None:
    """A part of a repository is checked by the settings and with the dependencies of all of it, up to its top."""
    top, part = part_of_a_repository(folder)
    for path in (
        "ruff.toml",
        "README.md",
        "parts/conftest.py",
        "parts/never.ini",
        "parts/tox.ini",
        "../ruff.toml",
    ):
        (top / path).write_text(path)
    (top / "node_modules").mkdir()
    (top / "node_modules/app").symlink_to("../parts/app")
    changes = [edit(part, "pkg/a.py", "VALUE = 2\n")]
    found = shadow.shadow(part, changes, changed=True, may_read=lambda uri: not uri.endswith("tox.ini"))
    async with found as copy:
        around = copy.root.parent.parent
        assert {file.relative_to(around).as_posix() for file in around.glob("**/*.*") if file.is_file()} == {
            "ruff.toml", "parts/conftest.py", "parts/app/pkg/a.py", "parts/app/.lintrc", "parts/app/.gitignore",
        }  # fmt: skip
        assert (around / "node_modules/app/pkg/a.py").read_text() == "VALUE = 2\n"
        assert not (around.parent / "ruff.toml").exists()


EDITABLE = """
import sys
from importlib.util import spec_from_file_location
class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return spec_from_file_location(name, {init!r}) if name == "pkg" else None
def install():
    sys.meta_path.append(Finder)
"""
"""A package installed in place as setuptools does it for one whose folder stands right in the project's."""


def environment_of_python(home: Path, lines: str) -> tuple[Path, Path]:
    """A virtual environment in `home` with `lines` in its .pth file: its Python, and where its packages are."""
    site = home / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    site.mkdir(parents=True)
    (site / "project.pth").write_text(lines)
    (home / "bin").mkdir()
    base = Path(sys.base_prefix) / "bin" / Path(os.path.realpath(sys.executable)).name
    (home / "bin/python").symlink_to(base)
    (home / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
    return home / "bin/python", site


@pytest.mark.parametrize(
    ("how", "home"),
    [
        ("finder", ".venv"),
        ("line", "../elsewhere"),
        ("path", ".venv"),
        ("linked path", ".venv"),
        ("path of the parent", "../elsewhere"),
    ],
)
async def test_python_imports_the_copy(
    folder: Folder, how: str, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the project is made known to Python, and wherever that is installed, a check imports the changed code."""
    root = folder.root
    (root / ".gitignore").write_text(".venv\n")
    parent, link = root.parent, root.parent / "link"
    link.symlink_to(root)
    paths = {"path": str(root), "linked path": str(link), "path of the parent": str(parent)}
    lines = {"finder": "import project_finder; project_finder.install()", "line": str(root)}
    python, site = environment_of_python(root / home, lines.get(how, ""))
    (site / "project_finder.py").write_text(EDITABLE.format(init=str(root / "pkg/__init__.py")))
    (root / "pkg/__init__.py").write_text("")
    (root / "tools").mkdir()
    name = "work.pkg" if how == "path of the parent" else "pkg"
    (root / "tools/check.py").write_text(
        f"import {name}.a as a, {name}.new\nassert a.VALUE == 2\n"
        f"try:\n    import {name}.gone\nexcept ImportError:\n    pass\nelse:\n    raise AssertionError\n"
    )
    (root / "pkg/gone.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", paths.get(how, ""))
    changes = [
        edit(folder, "pkg/a.py", "VALUE = 2\n"),
        file_change("create", folder.uri("pkg/new.py"), "pkg/new.py", (), ("\n",)),
        file_change("delete", folder.uri("pkg/gone.py"), "pkg/gone.py", (), ()),
    ]
    command = f"{python} tools/check.py"
    assert await run_checks(folder, changes, [command]) == (Check(command, True),)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("tools/check.py", "takes no PYTHONPATH"),
        (f"{PYTHON} -c 'import sys; sys.path.insert(0, \"{{root}}\"); import pkg.a'", ""),
        (f"{PYTHON} {{root}}/pkg/a.py", "pkg/a.py"),
        (f"{PYTHON} {{root}}/tools/check.py", ""),
    ],
)
async def test_a_python_that_imports_the_work_tree_proves_nothing(
    folder: Folder, command: str, message: str
) -> None:
    """A check that passes is not called passed where its Python could not be had to import the copy, or did not."""
    script = folder.root / "tools/check.py"
    script.parent.mkdir()
    script.write_text(f"#!{PYTHON} -I\n")
    script.chmod(0o755)
    command = command.format(root=folder.root)
    [check] = await run_checks(folder, [edit(folder, "pkg/a.py", "VALUE = 2\n")], [command])
    assert (check.ok, check.ran) == (True, not message)
    assert message in check.message


async def test_coverage_sees_the_projects_lines_alone(folder: Folder) -> None:
    """What is done first in a check's Python is no file, so that no line of it counts as one that tests left out."""
    ask = (
        "import sys; seen = set(); sys.settrace(lambda frame, *_: seen.add(frame.f_code.co_filename)); "
        'import pkg.a; sys.settrace(None); assert not [name for name in seen if "sitecustomize" in name], seen'
    )
    command = f"{PYTHON} -c '{ask}'"
    changes = [edit(folder, "pkg/a.py", "VALUE = 2\n")]
    assert await run_checks(folder, changes, [command]) == (Check(command, True),)


async def test_the_users_own_start_of_python_is_not_lost(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `sitecustomize` of theirs runs as it does outside of checks, and there is no trace of ours in the path."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own/sitecustomize.py").write_text("MARK = 1\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "own"))
    ask = 'import sitecustomize, sys; assert sitecustomize.MARK; assert not [p for p in sys.path if "check-" in p]'
    command = f"{PYTHON} -c '{ask}'"
    changes = [edit(folder, "pkg/a.py", "VALUE = 2\n")]
    assert await run_checks(folder, changes, [command]) == (Check(command, True),)


async def test_a_check_is_not_led_back_by_its_environment(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows no repository of a hook of git, takes the copy for where it was started, and installs nothing.

    `uv run` and `pnpm run` install first where a folder is another than that of the dependencies, which are lent; an
    environment that uv makes in the copy is nobody's. What is built is in the folder itself, and found behind the copy.
    """
    for name, place in [
        ("GIT_DIR", ".git"),
        ("GIT_INDEX_FILE", ".git/index"),
        ("PWD", "."),
        ("INIT_CWD", "pkg"),
    ]:
        monkeypatch.setenv(name, str(folder.root / place))
    monkeypatch.setenv("PATH", str(folder.root / "pkg"), prepend=os.pathsep)
    changes = [edit(folder, "pkg/a.py", "VALUE = 2\n")]
    async with shadow.shadow(folder, changes, changed=True) as copy:
        assert "UV_NO_SYNC" not in shadow.environment(folder.root, copy, ())
    (folder.root / ".gitignore").write_text(".venv\n")
    (folder.root / ".venv").mkdir()
    async with shadow.shadow(folder, changes, changed=True) as copy:
        found = shadow.environment(folder.root, copy, ())
        searched = found["PATH"].split(os.pathsep)
        assert searched.index(str(copy.root / "pkg")) < searched.index(str(folder.root / "pkg"))
        assert (found["PWD"], found["INIT_CWD"]) == (str(copy.root), str(copy.root / "pkg"))
        assert not {"GIT_DIR", "GIT_INDEX_FILE"} & found.keys()
        assert (found["UV_NO_SYNC"], found["pnpm_config_verify_deps_before_run"]) == ("1", "false")
