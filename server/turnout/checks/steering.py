"""Which files of a change the checks themselves go by: their settings, what they run, and the script that one is.

Invariant: a check that passes by rules which the change itself makes is never all that a change is called verified for.
"""

import re
import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import PurePosixPath

from turnout.act.proposals import Check
from turnout.core.edits.changes import FileChange

_SETTINGS = re.compile(
    r"conftest\.py|(?:site|user)customize\.py|.+\.pth|\.?pytest\.(?:ini|toml)|pyproject\.toml|setup\.(?:cfg|py)|tox\.ini"
    r"|noxfile\.py|\.?ruff\.toml|\.?mypy\.ini|pyrightconfig\.json|\.?pylintrc(?:\.toml)?|\.flake8|\.coveragerc"
    r"|\.pre-commit-config\.yaml|\.(?:git|eslint|prettier|biome|docker)?ignore"
    r"|[tj]sconfig.*\.json|package\.json|(?:deno|biome|turbo|nx)\.jsonc?|\.(?:eslint|prettier|mocha|babel|swc)rc.*"
    r"|.+\.(?:config|conf|workspace|setup)\.[cm]?[jt]s|(?:jest|vitest)[.-].*\.(?:[cm]?[jt]s|json)"
    r"|(?:gulp|grunt)file\.[cm]?[jt]s|(?:gnu)?makefile|.+\.mk|justfile|taskfile\.ya?ml"
    r"|cargo\.toml|build\.rs|\.?(?:clippy|rustfmt)\.toml|go\.(?:mod|work)|\.golangci\..+"
    r"|cmakelists\.txt|ctesttestfile\.cmake|meson\.build|\.clang-(?:tidy|format)"
    r"|pom\.xml|(?:build|settings)\.gradle(?:\.kts)?|directory\.build\.(?:props|targets)|.+\.runsettings|\.editorconfig"
    r"|rakefile|gemfile|\.rspec|\.rubocop.*\.yml|composer\.json|phpunit\.xml.*|phpstan\..+|\.luacheckrc|\.busted",
    re.IGNORECASE,
)
_INTERPRETER = re.compile(
    r"(?:python|pypy)[\d.]*|node|deno|bun|(?:ba|z|da|k)?sh|ruby|perl|php|lua\w*|nvim", re.IGNORECASE
)


def steering(changes: Iterable[FileChange], commands: Sequence[str]) -> tuple[Check, ...]:
    """One result for each file of `changes` that the checks `commands` go by: nobody looked at what it does to them."""
    scripts = {script for command in commands for script in _scripts(command)}
    paths = dict.fromkeys(path for change in changes for path in (change.path, change.new_path) if path)
    return tuple(
        Check(f"{path}, which checks go by", True, "the change itself says what is checked", ran=False)
        for path in paths
        if path in scripts or _SETTINGS.fullmatch(PurePosixPath(path).name)
    )


def _scripts(command: str) -> list[str]:
    """The files that `command` may be: its program, or what an interpreter is to run."""
    words: list[str] = []
    with suppress(ValueError):
        words = shlex.split(command)[:2]
    is_run = words and _INTERPRETER.fullmatch(PurePosixPath(words[0]).name)
    return [PurePosixPath(word).as_posix() for word in (words if is_run else words[:1])]
