"""`turnout settings show | check | schema | docs`: what applies and where it is set, and what there is to set."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from turnout.settings import Loaded


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `settings`."""
    parser = subparsers.add_parser("settings", help="show and check the settings")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    show = actions.add_parser("show", help="print every effective value and where it is set")
    check = actions.add_parser("check", help="print what is wrong; the exit status is 1 if anything is")
    for action, run in ((show, run_show), (check, run_check)):
        action.add_argument(
            "path", nargs="?", type=Path, metavar="PATH", help="workspace (default: around this folder)"
        )
        action.set_defaults(run=run)
    show.add_argument("--json", action="store_true", help="print JSON")
    schema = actions.add_parser("schema", help="print the JSON Schema of a settings file")
    schema.set_defaults(run=run_schema)
    docs = actions.add_parser("docs", help="print the reference of all keys as Markdown")
    docs.add_argument(
        "--write", type=Path, metavar="FILE", help="put it into FILE, after its marker, instead"
    )
    docs.set_defaults(run=run_docs)


def _workspace(path: Path | None) -> Path | None:
    """The workspace that is meant: also where its settings file is named. Raises SettingsError where there is none."""
    from turnout.errors import SettingsError
    from turnout.paths import WORKSPACE_SETTINGS

    if path is not None and path.name == WORKSPACE_SETTINGS and not path.is_dir():
        path = path.absolute().parent
    if path is not None and not path.is_dir():
        raise SettingsError(f"{path} is not a folder.", advice="Give the path of a workspace.")
    return path


def run_show(args: argparse.Namespace) -> int:
    """Print every effective value."""
    loaded = load_for(_workspace(args.path))
    values = _effective(loaded)
    if args.json:
        entries = {key: {"value": value, "source": source} for key, (value, source) in values.items()}
        print(
            json.dumps(
                {"settings": entries, "problems": [str(problem) for problem in loaded.problems]}, indent=2
            )
        )
        return 0
    lines = [f"{key} = {_printable(value)}" for key, (value, _) in values.items()]
    width = min(60, max(map(len, lines)))
    for line, (_, source) in zip(lines, values.values(), strict=True):
        print(f"{line:{width}}  # {source}")
    print_problems(loaded)
    return 0


def _effective(loaded: "Loaded") -> dict[str, tuple[Any, str]]:
    """Values with their sources by dotted key: what layers set, and behind each model what follows from that."""
    from turnout.settings.derived import derived

    written = _flat(loaded.settings.model_dump(mode="json", exclude_none=True))
    values = {key: (value, loaded.source(key)) for key, value in written.items()}
    places = {key: (number, 0) for number, key in enumerate(values)}
    for number, found in enumerate(derived(loaded), start=1):
        model = found.key.rpartition(".")[0] + "."
        last = max(place for key, (place, _) in places.items() if key.startswith(model))
        places[found.key] = (last, number)
        values[found.key] = (found.value, found.source)
    return {key: values[key] for key in sorted(values, key=places.__getitem__)}


def run_check(args: argparse.Namespace) -> int:
    """Print the problems."""
    loaded = load_for(_workspace(args.path))
    print_problems(loaded)
    if not loaded.problems:
        files = (f"{file}{'' if file.exists() else ' (not there)'}" for file in loaded.files)
        print("no problems in " + ", ".join(files))
    return 1 if loaded.problems else 0


def run_schema(_args: argparse.Namespace) -> int:
    """Print the JSON Schema."""
    from turnout.settings.describe import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


def run_docs(args: argparse.Namespace) -> int:
    """Print the reference, or put it into a file."""
    from turnout.settings.describe import MARKER, reference

    if args.write is None:
        print(reference(), end="")
        return 0
    prose = args.write.read_text("utf-8").partition(MARKER)[0]
    args.write.write_text(f"{prose}{MARKER}\n\n{reference()}", "utf-8")
    return 0


def load_for(
    path: Path | None, auto_model: Callable[[], str] | None = None, files: Sequence[Path] = ()
) -> "Loaded":
    """The settings of the workspace at `path`, or of the one around the current folder, as they hold for `files`.

    Only a command that runs models has to know what `auto` stands for, and gives `auto_model`.
    """
    from turnout.settings import approvals, load
    from turnout.settings.nested import files_around
    from turnout.settings.trust import is_trusted
    from turnout.settings.workspace import find_workspace

    workspace = find_workspace(Path()) if path is None else path.resolve()
    trusted = is_trusted(workspace)
    approve = partial(approvals.approved, workspace) if trusted else approvals.approve_none
    nested = files_around([workspace.resolve(), *files], workspace.resolve())
    if auto_model is None:
        return load(workspace, None, trusted=trusted, approve=approve, nested=nested)
    return load(workspace, None, trusted=trusted, approve=approve, nested=nested, auto_model=auto_model)


def print_problems(loaded: "Loaded") -> None:
    """Print the problems to stderr, one per line."""
    for problem in loaded.problems:
        print(problem, file=sys.stderr)


def _printable(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    """Values by dotted key; a rule is one value."""
    if not isinstance(value, dict) or key.endswith("]"):
        return {key: value}
    flat: dict[str, Any] = {}
    for name, child in value.items():
        if name == "rules" and not key:
            flat.update({f"rules[{index}]": rule for index, rule in enumerate(child)})
        else:
            flat.update(_flat(child, f"{key}.{name}" if key else name))
    return flat
