"""Where a refactor of files that the user named may put a new one, and which files the user has to be told of.

Invariant: it is beside one of them, in a folder that was named or below, or where the user's own words say.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import PurePosixPath

from turnout.act.gathering.scope import Request
from turnout.act.proposals import Check
from turnout.act.seams import Workspace
from turnout.core.edits.changes import FileChange
from turnout.errors import EditError

_TOKEN = re.compile(r"[\w./-]+")
_RUNS_BY_ITSELF = re.compile(
    r"conftest\.py|setup\.py|(?:site|user)customize\.py|.+\.pth"
    r"|(?:tox|pytest)\.ini|setup\.cfg|pyproject\.toml|(?:docker-)?compose(?:\.[\w-]+)?\.ya?ml|binding\.gyp"
    r"|(?:gnu)?makefile|justfile|cmakelists\.txt|meson\.build|rakefile|gemfile|.+\.gemspec|build\.rs|package\.json"
    r"|(?:gulp|grunt)file\.[cm]?[jt]s|.+\.config\.[cm]?[jt]s|jenkinsfile|dockerfile|vagrantfile|pom\.xml"
    r"|(?:build|settings)\.gradle(?:\.kts)?|directory\.build\.(?:props|targets)|composer\.json",
    re.IGNORECASE,
)
"""Names of files that an interpreter, a build, a test run or an installation runs or takes commands from; hidden ones
are never made."""
_RUNS_AT_THE_TOP = re.compile(r"(?:noxfile|tasks|manage|fabfile)\.py")
_STEERS_MODELS = re.compile(
    r"(?:agents?|claude|gemini|copilot|cursor)(?:[.-]\w+)?\.mdc?|.+\.(?:instructions|prompt|chatmode)\.md|.+\.mdc"
    r"|\.(?:cursor|windsurf|cline|roo)rules|skill\.md",
    re.IGNORECASE,
)
"""Names of files that models read before they work on a project."""


def out_of_place(path: str, request: Request, workspace: Workspace) -> str | None:
    """Why no new file may be at `path`; None where one may. A request that has its files found says nothing of it."""
    if not request.scope:
        return None
    place = PurePosixPath(path)
    if path.startswith(request.folders) or _is_spoken_of(place, request.instruction):
        return None
    if any(_is_beside(place, uri, workspace) for uri in request.scope):
        return None
    return f"{path} is in none of the folders of this request: put it beside a file that may change."


def misplaced(change: FileChange, request: Request, workspace: Workspace) -> str | None:
    """Why `change` may not put a file where it would; None where it may."""
    place = change.path if change.kind == "create" else change.new_path
    return out_of_place(place, request, workspace) if place else None


def _is_spoken_of(place: PurePosixPath, instruction: str) -> bool:
    """Whether the user's words name the file, or a folder that it would be in."""
    said = {token.removeprefix("./").rstrip("/.") for token in _TOKEN.findall(instruction)}
    on_the_way = [place, *place.parents][:-1]
    return any({step.as_posix(), step.name} & said for step in on_the_way)


def _is_beside(place: PurePosixPath, uri: str, workspace: Workspace) -> bool:
    with suppress(EditError):
        return place.parent == PurePosixPath(workspace.path(uri)).parent
    return False


def unasked(changes: Iterable[FileChange], request: Request) -> list[Check]:
    """What `changes` make, move or edit that runs by itself or steers models, each file in words of its own.

    Nobody can check what they are for: they are for the user to look at, unless the user named them.
    """
    said = {token.removeprefix("./").rstrip("/.").lower() for token in _TOKEN.findall(request.instruction)}
    named = {*request.scope, request.document} - request.swept
    found = []
    for change in changes:
        place = PurePosixPath(change.new_path or change.path)
        does = _does_by_itself(place) if change.kind != "delete" else ""
        if change.kind == "edit" and change.uri in named:
            continue
        if does and not {place.as_posix().lower(), place.name.lower()} & said:
            is_new = "" if change.kind == "edit" else "is new and "
            name = f"{place}, which {is_new}{does}"
            found.append(Check(name, True, "the request does not name it", ran=False))
    return found


def _does_by_itself(place: PurePosixPath) -> str:
    """What a file there does without being asked to; empty for most."""
    at_the_top = len(place.parts) == 1 and _RUNS_AT_THE_TOP.fullmatch(place.name)
    if at_the_top or _RUNS_BY_ITSELF.fullmatch(place.name):
        return "runs by itself"
    return "tells models what to do" if _STEERS_MODELS.fullmatch(place.name) else ""
