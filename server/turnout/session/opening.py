"""What holds in one workspace folder: its settings, whether it is trusted, and which models have their key.

Invariant: reading may block, on the disk and on a keyring, so it is for threads; what was read does not change.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from turnout.complete import Rules
from turnout.core.models import Model
from turnout.files import Folder
from turnout.settings import trust
from turnout.settings.keys import is_editors

if TYPE_CHECKING:
    from turnout.settings import Loaded

Around = tuple[Path, ...]
"""Settings files in other folders around some documents, the outermost first."""

NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Opened:
    """One folder; `root` is None for documents outside every folder."""

    root: Path | None
    folder: Folder | None
    loaded: "Loaded"
    keys: frozenset[str]
    """The models whose key is in the environment or in a keyring."""
    rules: Rules
    trusted: bool
    signature: tuple[object, ...]
    """What the files looked like that the settings were read from."""

    def changed_on_disk(self) -> bool:
        """Whether a file that settings or trust were read from is no longer as it was. Looks at the disk."""
        return _signature(self.loaded.files) != self.signature


@dataclass(frozen=True, slots=True)
class Client:
    """What the editor says: the user's `settings`, those that it found in what is open, and its word on trust."""

    settings: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    trusts: bool | None = None
    workspace: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    folders: Mapping[Path, Mapping[str, object]] = field(default_factory=lambda: NOTHING)


class KeysOfEditor(Protocol):
    """The keys that only the editor has."""

    def fetch(self, models: Iterable[Model]) -> None: ...
    def may_have(self, reference: str) -> bool: ...
    def resolve(self, reference: str) -> str | None: ...
    async def arrived(self, models: Iterable[Model]) -> None: ...


class Opener:
    """Reads what holds in a folder."""

    def __init__(
        self,
        load: "Callable[..., Loaded]",
        is_trusted: Callable[[Path], bool],
        resolve_key: Callable[[str], str | None],
    ) -> None:
        self._load = load
        self._is_trusted = is_trusted
        self._resolve_key = resolve_key
        self.client = Client()

    def read(
        self,
        root: Path | None,
        around: Around,
        *,
        keys: frozenset[str] | None = None,
        may_wait: bool = True,
    ) -> Opened:
        """What holds in a folder for documents with the settings files `around` them.

        `keys` are the models whose key is there, where that is known. Else a keyring is asked only where that
        `may_wait`: a folder may be new to the editor.
        """
        client = self.client
        trusted = root is not None and self._trusted(root, client)
        beside = [client.workspace]
        if root is not None:
            beside.append(client.folders.get(root, NOTHING))
        # Outside of every folder there is nobody to trust but the editor's window.
        loaded = self._load(
            root,
            client.settings,
            trusted=trusted if root else client.trusts is True,
            editor_workspace=beside,
            nested=around,
        )
        chosen = loaded.settings.completion
        rules = Rules(
            enabled=chosen.enabled,
            disabled_languages=frozenset(chosen.disabled_languages),
            max_tokens=chosen.max_tokens,
            multiline=chosen.multiline,
        )
        folder = Folder(root) if root else None
        have = self._keys_of(loaded, may_wait=may_wait) if keys is None else keys
        return Opened(root, folder, loaded, have, rules, trusted, _signature(loaded.files))

    def _trusted(self, root: Path, client: Client) -> bool:
        """The editor's word where it has one: it may know the folder as restricted."""
        return self._is_trusted(root) if client.trusts is None else client.trusts

    def _keys_of(self, loaded: "Loaded", *, may_wait: bool) -> frozenset[str]:
        """The models whose key is there, but for the editor's."""
        models = [model for model in loaded.policy.models if not is_editors(model.key)]
        if not may_wait:
            models = [model for model in models if model.key and model.key.startswith("env:")]
        return frozenset(m.name for m in models if m.key and self._resolve_key(m.key) is not None)


def _signature(files: Sequence[Path]) -> tuple[object, ...]:
    """Time and size of each file and of the list of trusted folders; None for one that is not there."""
    return (*map(look_at, files), look_at(None))


def look_at(file: Path | None) -> object:
    """What tells one version of a file, or of the list of trusted folders, from the next. Looks at the disk."""
    try:
        stat = (file or trust.store_path()).stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
