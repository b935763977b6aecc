"""The arrows between packages: who may import whom, read from the code itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import turnout

ROOT = Path(turnout.__file__).parent

SHARED = {"errors"}
ARROWS: dict[str, set[str]] = {
    "core": set(),
    "errors": set(),
    "paths": set(),
    "logs": {"paths"},
    "machine": set(),
    "files": {"core", "git", "ignores"},
    "git": {"core", "ignores", "paths"},
    "ignores": {"core"},
    "index": {"core", "ignores", "paths", "syntax"},
    "act": {"core"},
    "journal": {"act", "core", "files"},
    "checks": {"act", "core", "files"},
    "complete": {"core"},
    "evaluate": {"act", "complete", "core", "dispatch", "files", "git", "syntax"},
    "dispatch": {"core"},
    "store": {"core"},
    "syntax": {"core"},
    "telemetry": {"core"},
    "remote": {"core"},
    "models": {"machine", "paths"},
    "automatic": {"models", "worker.engines"},
    "settings": {"core", "paths"},
    "worker": {"core.fim", "machine", "paths"},
    "local": {"core", "paths", "worker.wire", "worker.engines.nvidia", "worker.engines.prepared"},
    "session": {"act", "checks", "complete", "core", "dispatch", "files", "ignores", "settings"},
    "lsp": {"act", "complete", "core", "files", "git", "journal", "paths", "session", "syntax"},
    "parts": {
        "automatic", "complete", "core", "dispatch", "index", "local", "models", "paths", "remote", "session",
        "settings", "store", "telemetry",
    },
    "workbench": {"complete", "core", "dispatch", "logs", "parts", "preview", "session", "store"},
    "app": {
        "act", "automatic", "complete", "journal", "logs", "lsp", "models", "parts", "paths", "preview", "session",
        "store",
    },
    "preview": {"core", "dispatch"},
    "doctor": {"core", "index", "local", "models", "paths", "settings", "worker.engines"},
    "demo": {"automatic", "commands.models", "core", "files", "lsp.stdio", "models", "session.consent", "settings"},
    "commands": {
        "act", "app", "automatic", "complete", "core", "demo", "dispatch", "doctor", "evaluate", "files", "git",
        "ignores", "index", "journal", "local", "models", "paths", "session", "settings", "store", "syntax",
        "workbench", "worker",
    },
    "__main__": {"commands"},
}  # fmt: skip

INNER: dict[str, set[str]] = {
    "act.gathering": {"act.seams", "act.proposals"},
    "act.drafting": {"act.gathering", "act.seams", "act.proposals"},
    "act.agent": {"act.drafting", "act.gathering", "act.seams", "act.proposals"},
    "act.applying": {"act.gathering.guard", "act.seams", "act.proposals"},
}

FOREIGN = {
    "httpx": {"remote"},
    "pygls": {"lsp"},
    "lsprotocol": {"lsp"},
    "pydantic": {"settings"},
    "tree_sitter": {"syntax"},
    "xllamacpp": {"worker"},
    "torch": {"worker"},
    "exllamav2": {"worker"},
    "exllamav3": {"worker"},
    "jinja2": {"worker"},
    "sqlite3": {"index", "store"},
    "opentelemetry": {"telemetry"},
    "requests": {"telemetry"},
}


def modules() -> Iterator[tuple[str, Path]]:
    """Every module's dotted name below `turnout`, and its file."""
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if "sample" not in parts:
            yield ".".join(part for part in parts if part != "__init__"), path


def imports(path: Path) -> Iterator[str]:
    """Every absolute name that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def within(imported: str, allowed: set[str]) -> bool:
    """Whether a dotted name is one of those allowed, or stands below one."""
    return any(imported == a or imported.startswith(a + ".") for a in allowed)


@pytest.mark.parametrize(
    ("name", "path"), [row for row in modules() if row[0]], ids=lambda value: str(value)[:40]
)
def test_arrows_point_one_way(name: str, path: Path) -> None:
    """A package imports only what its arrows allow, and foreign packages stay behind their one edge."""
    package = name.split(".")[0]
    allowed = ARROWS[package] | SHARED | {package, "__version__"}
    for imported in imports(path):
        top, _, inner = imported.partition(".")
        if top == "turnout":
            assert within(inner, allowed), f"{name} imports {imported}"
        elif top in FOREIGN:
            assert package in FOREIGN[top], f"{name} imports {imported}"
        elif package == "core":
            import sys

            assert top in sys.stdlib_module_names, f"core imports {imported}"


@pytest.mark.parametrize("room", sorted(INNER))
def test_arrows_within_a_package_point_one_way(room: str) -> None:
    """A package's inner rooms import from their own package only what their arrows allow."""
    for name, path in modules():
        if within(name, {room}):
            for imported in imports(path):
                inner = imported.removeprefix("turnout.")
                if within(inner, {room.partition(".")[0]}):
                    assert within(inner, INNER[room] | {room}), f"{name} imports {imported}"
