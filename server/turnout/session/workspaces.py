"""The workspace folders of one editor, and the settings that hold in each until a file or the editor changes them.

Invariant: a document is always under exactly one folder's settings; what an untrusted folder says only tightens.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.complete import Rules
from turnout.core import routing
from turnout.core.languages import language_of
from turnout.core.requests import COMPLETION_KINDS, Kind, Model, Route
from turnout.core.routing import RouteRequest
from turnout.errors import PathRefused
from turnout.files import Folder, uri_to_path
from turnout.session.editor import Editor

if TYPE_CHECKING:
    from turnout.settings import Loaded

logger = logging.getLogger(__name__)

SETTINGS_FILE = ".turnout.toml"

_REPLY_TOKENS = {"inline": 96, "popup": 96, "commit_message": 256}
_DEFAULT_REPLY_TOKENS = 2048


@dataclass(slots=True)
class _Opened:
    """One folder; `root` is None for documents outside every folder."""

    root: Path | None
    folder: Folder | None
    loaded: "Loaded"
    keys: frozenset[str] = field(default_factory=frozenset)


class Workspaces:
    """Settings by document, for one editor."""

    def __init__(
        self,
        editor: Editor,
        load: "Callable[..., Loaded]",
        is_trusted: Callable[[Path], bool],
        resolve_key: Callable[[str], str | None],
        spent_today_usd: Callable[[], float],
    ) -> None:
        self._editor = editor
        self._load = load
        self._is_trusted = is_trusted
        self._resolve_key = resolve_key
        self._spent_today_usd = spent_today_usd
        self._roots: list[Path] = []
        self._client_settings: Mapping[str, object] = {}
        self._client_trusts: bool | None = None
        self._opened: dict[Path | None, _Opened] = {}

    def set_roots(self, roots: list[Path]) -> None:
        """The folders that the editor has open, replacing those before."""
        self._roots = roots
        self._opened.clear()

    def set_client(self, settings: Mapping[str, object], *, trusted: bool | None) -> None:
        """The editor's own settings; `trusted` is its word on the workspace, None where it has none."""
        self._client_settings = settings
        self._client_trusts = trusted
        self._opened.clear()

    def reload(self) -> None:
        """Read every file again when it is next needed."""
        self._opened.clear()

    def root_of(self, uri: str) -> Path | None:
        """The innermost folder that holds a document."""
        try:
            path = uri_to_path(uri)
        except PathRefused:
            return None
        inside = [root for root in self._roots if path.is_relative_to(root)]
        return max(inside, key=lambda root: len(root.parts), default=None)

    def settings(self, uri: str) -> "Loaded":
        """The settings that hold for a document."""
        return self._open(self.root_of(uri)).loaded

    def folder(self, uri: str) -> Folder | None:
        """The folder that holds a document; without a document, the first one."""
        return self._open(self.root_of(uri) if uri else self._first_root()).folder

    def relative_path(self, uri: str) -> str:
        """The path of a document in its folder; its bare name outside of every folder, the URI if it is no file."""
        folder = self.folder(uri)
        try:
            return folder.path(uri) if folder else uri_to_path(uri).name
        except PathRefused:
            return uri.rsplit("/", 1)[-1]

    def rules(self, uri: str) -> Rules:
        """What the settings say about completions in a document."""
        chosen = self.settings(uri).settings.completion
        return Rules(
            enabled=chosen.enabled,
            disabled_languages=frozenset(chosen.disabled_languages),
            max_tokens=chosen.max_tokens,
            multiline=chosen.multiline,
        )

    def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        """The route of a request about `uris`; the first one names the folder whose settings hold."""
        opened = self._open(self.root_of(uris[0]) if uris else self._first_root())
        paths = tuple(self.relative_path(uri) for uri in uris)
        request = RouteRequest(
            kind=kind,
            paths=paths,
            language=language_of(paths[0]) if paths else "",
            keys_present=opened.keys,
            # The worker cuts a completion's context to what its model takes.
            input_tokens=0 if kind in COMPLETION_KINDS else input_tokens,
            output_tokens=_REPLY_TOKENS.get(kind, _DEFAULT_REPLY_TOKENS),
            spent_today_usd=self._spent_today_usd(),
        )
        return routing.decide(request, opened.loaded.policy)

    def explain(self, kind: Kind, uri: str) -> dict[str, Any]:
        """The decision for a kind of request in a document, as `turnout/explain` answers it."""
        return dict(routing.route_to_wire(self.decide(kind, (uri,) if uri else (), 0)))

    def model(self, uri: str, kind: Kind) -> Model | None:
        """The model that would be asked first."""
        candidates = self.decide(kind, (uri,) if uri else (), 0).candidates
        return candidates[0] if candidates else None

    def _first_root(self) -> Path | None:
        return self._roots[0] if self._roots else None

    def _open(self, root: Path | None) -> _Opened:
        opened = self._opened.get(root)
        if opened is None:
            opened = self._opened[root] = self._read(root)
        return opened

    def _trusted(self, root: Path) -> bool:
        """The editor's word where it has one: it may know the folder as restricted."""
        return self._is_trusted(root) if self._client_trusts is None else self._client_trusts

    def _read(self, root: Path | None) -> _Opened:
        trusted = root is not None and self._trusted(root)
        loaded = self._load(root, self._client_settings, trusted=trusted)
        for problem in loaded.problems:
            self._editor.say_once(f"Turnout: {problem}", "warning")
        keys = frozenset(
            model.name
            for model in loaded.policy.models
            if model.key and self._resolve_key(model.key) is not None
        )
        return _Opened(root, Folder(root) if root else None, loaded, keys)
