"""A check that goes by what the change itself says does not make the change a verified one."""

from pathlib import Path

import pytest

from turnout.act.proposals import Check, verdict
from turnout.checks import run_checks
from turnout.checks.steering import steering
from turnout.core.edits.changes import FileChange, file_change
from turnout.files import Folder


def edited(path: str) -> FileChange:
    return file_change("edit", f"file:///w/{path}", path, ("x\n",), ("y\n",))


@pytest.mark.parametrize(
    ("path", "is_told"),
    [(path, True) for path in (
        "conftest.py", "tests/conftest.py", "pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini", "ruff.toml",
        ".ruff.toml", "mypy.ini", ".flake8", "tsconfig.json", "web/tsconfig.build.json", "package.json", ".eslintrc",
        ".eslintrc.cjs", "eslint.config.mjs", "jest.config.ts", "vitest.workspace.ts", "Makefile", "makefile",
        "Cargo.toml", "crates/a/Cargo.toml", "clippy.toml", "build.rs", "go.mod", ".golangci.yml", "pom.xml",
        "build.gradle.kts", "CMakeLists.txt", ".rspec", ".rubocop.yml", "phpunit.xml.dist", ".luacheckrc",
        "scripts/check.sh", "scripts/check.py", ".gitignore",
    )] + [(path, False) for path in (
        "a.py", "config.py", "my_conftest.py", "tests/test_a.py", "data.json", "packages.json", "src/config.ts",
        "a.toml", "Cargo.lock", "README.md", "make.py",
    )],
)  # fmt: skip
def test_what_checks_go_by(path: str, is_told: bool) -> None:
    """Settings of linters, builds and test runs in any folder, and the scripts that checks are."""
    commands = (
        "./scripts/check.sh --all",
        "python3.12 scripts/check.py a.py",
        "pytest tests/test_a.py",
        "echo 'x",
    )
    assert len(steering([edited(path)], commands)) == is_told


async def test_the_verdict_names_what_checks_go_by(tmp_path: Path) -> None:
    """Made, edited, moved and removed alike; the verdict is in part, though all checks pass."""
    folder = Folder(tmp_path)
    (tmp_path / "b.py").write_text("x\n")
    moved = file_change(
        "rename", folder.uri("b.py"), "b.py", ("x\n",), ("x\n",),
        new_uri=folder.uri("conftest.py"), new_path="conftest.py",
    )  # fmt: skip
    made = file_change("create", folder.uri("tox.ini"), "tox.ini", (), ("x\n",))
    checks = await run_checks(folder, [moved, made], ["true"])
    assert verdict(checks) == (
        "partly",
        "Verified in part. Not checked: conftest.py, which checks go by, tox.ini, which checks go by. Passed: true.",
    )
    assert await run_checks(folder, [moved, made], []) == ()


def test_a_file_is_named_once() -> None:
    """Whatever else there is about a file stands behind its name, and no other name is touched."""
    said = [
        "conftest.py, which runs by itself",
        "pytest -k 'a, which b'",
        "conftest.py, which checks go by",
        "b",
    ]
    assert verdict([Check(name, True, ran=False) for name in said]).text == (
        "Verified in part. Not checked: conftest.py, which runs by itself and which checks go by, "
        "pytest -k 'a, which b', b."
    )
