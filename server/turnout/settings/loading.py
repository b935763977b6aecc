"""Loading: read the layers, check them, let the workspace tighten and choose, compile the policy.

Order: built-in defaults < the user's `config.toml` < the workspace's `.turnout.toml` < the user's editor settings <
what the editor keeps with the workspace.
Settings files in other folders around a document only take away from that.
Invariant: what comes with a workspace, whether its file or the editor's settings in it, has no more rights in one
form than in the other. Loading never raises: whatever is wrong with a layer is a problem; where it may have been
meant to hold text back, nothing leaves the machine without the user's yes, or at all if a whole file cannot be read.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout import paths
from turnout.core.policy import Policy, stricter
from turnout.core.requests import LeavesMachine
from turnout.settings.approvals import Approve, hold_back
from turnout.settings.choosing import choose
from turnout.settings.compiling import compile_policy
from turnout.settings.endpoints import AUTO, Endpoints, bind_to_endpoint, build_models, name_auto
from turnout.settings.layers import WORDS, Checked, CheckedRule, Layer, LayerName, Leaf, check_layer, dotted
from turnout.settings.nested import PathLimits, held_to
from turnout.settings.problems import Problem
from turnout.settings.schema import Settings, defaults
from turnout.settings.tighten import tighten
from turnout.settings.toml import KeyPath, read_toml

USER_FILE = "config.toml"
WORKSPACE_FILE = ".turnout.toml"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The effective settings, the policy made of them, and what was wrong on the way.

    `files` are those that were looked for, whether or not they exist; a change of one calls for a new load.
    """

    settings: Settings
    policy: Policy
    problems: tuple[Problem, ...]
    files: tuple[Path, ...]
    sources: Mapping[str, str]
    """Where every value that a layer sets stands, by dotted key."""
    nested: tuple[PathLimits, ...] = ()
    """The path patterns of settings files in other folders, each for what is below its own."""

    def source(self, key: str) -> str:
        """Where a value such as `routes.inline.models` is set: `FILE:LINE key`, or the name of the layer."""
        return self.sources.get(key, WORDS["defaults"])


def load(
    workspace: Path | None,
    editor: Mapping[str, object] | None,
    *,
    trusted: bool,
    editor_workspace: Sequence[Mapping[str, object]] = (),
    nested: Sequence[Path] = (),
    auto_model: Callable[[], str] = lambda: AUTO,
    approve: Approve = lambda bindings: bindings,
) -> Loaded:
    """Load the settings for a workspace; `editor` is the client's `turnout` section, `trusted` the user's word.

    `editor_workspace` are the sections that the client found in the workspace itself, the nearest last.
    `nested` are the settings files in other folders, the outermost first; see `nested.files_around`.
    `approve` says which keys a workspace may have sent where.
    `auto_model` names the model that `auto` stands for, and is asked only where some entry says `auto`.
    """
    read = _read(workspace, editor, editor_workspace, nested)
    merged = _merge(read, workspace or Path(), trusted=trusted)
    _fail_closed(merged.leaves, read)
    settings = _settings(merged.leaves, merged.rules)
    endpoints = hold_back(name_auto(merged.endpoints, auto_model), merged.leaves, approve)
    policy, unknown = compile_policy(settings, endpoints, merged.leaves, merged.rules)
    return Loaded(
        settings=settings,
        policy=policy,
        problems=(
            *read.problems,
            *merged.problems,
            *endpoints.problems,
            *unknown,
            *_no_commands(merged.leaves),
        ),
        files=read.files,
        sources=_source_table(merged),
        nested=merged.nested,
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """The checked layers; `unreadable` is where a file stands that is there and cannot be used at all."""

    defaults: Checked
    user: Checked
    workspace: Checked
    editor: Checked
    editor_workspace: tuple[Checked, ...]
    nested: tuple[Checked, ...]
    files: tuple[Path, ...]
    unreadable: tuple[Problem, ...]

    @property
    def written(self) -> tuple[Checked, ...]:
        """All layers but the defaults."""
        return self.user, self.workspace, self.editor, *self.editor_workspace, *self.nested

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (*self.unreadable, *(problem for layer in self.written for problem in layer.problems))


@dataclass(frozen=True, slots=True)
class _Merged:
    """The effective values, before they are a `Settings`."""

    leaves: dict[KeyPath, Leaf]
    rules: tuple[CheckedRule, ...]
    endpoints: Endpoints
    problems: tuple[Problem, ...]
    nested: tuple[PathLimits, ...]


def _read(
    workspace: Path | None,
    editor: Mapping[str, object] | None,
    editor_workspace: Sequence[Mapping[str, object]],
    nested: Sequence[Path],
) -> _Read:
    files: dict[LayerName, Path] = {}
    unreadable: list[Problem] = []
    try:
        files["user"] = paths.config_dir() / USER_FILE
    except OSError as exc:
        unreadable.append(Problem(str(exc.filename), "", f"cannot be made: {exc.strerror}"))
    if workspace is not None:
        files["workspace"] = workspace / WORKSPACE_FILE
    found = {name: _layer(name, file, unreadable) for name, file in files.items()}
    layers = {name: layer for name, layer in found.items() if layer}
    inner = [layer for file in nested if (layer := _layer("workspace", file, unreadable))]
    return _Read(
        defaults=check_layer(Layer("defaults", defaults())),
        user=check_layer(layers.get("user", Layer("user", {}))),
        workspace=check_layer(layers.get("workspace", Layer("workspace", {}))),
        editor=check_layer(Layer("editor", editor or {})),
        editor_workspace=tuple(check_layer(Layer("workspace", table)) for table in editor_workspace),
        nested=tuple(map(check_layer, inner)),
        files=(*files.values(), *nested),
        unreadable=tuple(unreadable),
    )


def _layer(name: LayerName, file: Path, unreadable: list[Problem]) -> Layer | None:
    """What a file says; None where it is not there, or with a problem in `unreadable`."""
    document = read_toml(file)
    if isinstance(document, Problem):
        unreadable.append(document)
        return None
    return None if document is None else Layer(name, document.data, str(file), document.lines)


@dataclass(frozen=True, slots=True)
class _Held:
    """What a layer that came with the workspace says, as far as it may."""

    plain: dict[KeyPath, Leaf]
    rules: tuple[CheckedRule, ...]
    problems: tuple[Problem, ...]


def _merge(read: _Read, workspace: Path, *, trusted: bool) -> _Merged:
    own = {**read.defaults.leaves, **read.user.leaves, **read.editor.leaves}
    models = {} if trusted else build_models(_settings(own).models, own).models
    limits: dict[KeyPath, Leaf] = {}
    held: list[_Held] = []
    for layer in (read.workspace, *read.editor_workspace):
        asked = tighten(layer.leaves, {**own, **limits}, workspace, trusted=trusted)
        limits.update(asked.limits)
        if trusted:
            held.append(_Held(asked.plain, layer.rules, asked.problems))
        else:
            chosen = choose(asked.plain, layer.rules, own, models, str(workspace))
            held.append(_Held(chosen.chains, chosen.rules, (*asked.problems, *chosen.problems)))
    leaves = {**read.defaults.leaves, **read.user.leaves, **held[0].plain, **read.editor.leaves}
    for nearer in held[1:]:
        leaves.update(nearer.plain)
    leaves, unbound = bind_to_endpoint(leaves)
    leaves.update(limits)
    inner = []
    for layer in read.nested:
        inner.append(held_to(layer, leaves))
        leaves.update(inner[-1].limits)
    return _Merged(
        leaves=leaves,
        rules=(*read.editor.rules, *read.user.rules, *(rule for one in reversed(held) for rule in one.rules)),
        endpoints=build_models(_settings(leaves).models, leaves),
        problems=(
            *(problem for one in held for problem in one.problems),
            *unbound,
            *(problem for one in inner for problem in one.problems),
        ),
        nested=tuple(one.paths for one in inner),
    )


def _fail_closed(leaves: dict[KeyPath, Leaf], read: _Read) -> None:
    """Hold text back where a setting that may have meant to cannot be used."""
    path: KeyPath = ("privacy", "leaves_machine")
    doubts = [layer.doubt for layer in read.written if layer.doubt]
    limits: list[tuple[LeavesMachine, str]] = [("never", problem.where) for problem in read.unreadable]
    limits += [("ask", doubt) for doubt in doubts]
    for limit, where in limits:
        before = leaves[path]
        if stricter(before.value, limit) != before.value:
            leaves[path] = Leaf(
                limit, before.layer, note=f"{where} (cannot be used, so this is the safe value)"
            )


def _no_commands(leaves: Mapping[KeyPath, Leaf]) -> Iterator[Problem]:
    """Checks that cannot be read; they stay, so that a refactor names them among those that did not run."""
    path: KeyPath = ("routes", "refactor", "checks")
    leaf = leaves.get(path)
    for number, command in enumerate(leaf.value if leaf else (), start=1):
        try:
            why = "" if shlex.split(command) else "it is empty"
        except ValueError as error:
            why = str(error)
        if leaf and why:
            message = f"entry {number} cannot be started: {why}"
            yield Problem(leaf.layer.where(path), dotted(path), message)


def _settings(leaves: Mapping[KeyPath, Leaf], rules: Iterable[CheckedRule] = ()) -> Settings:
    tree: dict[str, Any] = {"models": {}, "rules": tuple(checked.rule for checked in rules)}
    for path, leaf in leaves.items():
        table = tree
        for part in path[:-1]:
            table = table.setdefault(str(part), {})
        table[str(path[-1])] = leaf.value
    return Settings.model_validate(tree)


def _source_table(merged: _Merged) -> dict[str, str]:
    table = {}
    for path, leaf in merged.leaves.items():
        is_default = leaf.layer.name == "defaults" and not leaf.note and leaf.under is None
        source = leaf.sources(path)
        table[dotted(path)] = WORDS["defaults"] if is_default else source.removesuffix(f": {dotted(path)}")
    for index, checked in enumerate(merged.rules):
        table[dotted(("rules", index))] = checked.layer.source(checked.path)
    return table
