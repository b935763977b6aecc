"""API keys, fetched from where the user keeps them at the moment that they are needed.

Invariant: a key is never stored, logged or put into a message; only its reference is.
"""

import importlib
import os
from collections.abc import Iterable
from typing import TypeGuard

from turnout.core.models import Model

EDITOR = "editor"
"""The reference to a key in the editor's own secret storage, as users write it."""


def bound(reference: str | None, base_url: str) -> str | None:
    """`reference`, where the editor keeps the key with the endpoint that it is for: `editor:https://...`."""
    return f"{EDITOR}:{base_url}" if reference == EDITOR else reference


def is_editors(reference: str | None) -> TypeGuard[str]:
    """Whether the editor keeps the key."""
    return reference is not None and reference.partition(":")[0] == EDITOR


def resolve(reference: str) -> str | None:
    """The key behind `env:NAME` or `keyring:NAME`; None where there is none."""
    scheme, _, name = reference.partition(":")
    if scheme == "env":
        return os.environ.get(name, "").strip() or None
    if scheme == "keyring":
        return _from_keyring(name)
    return None


def keys_present(models: Iterable[Model]) -> frozenset[str]:
    """The names of the models whose key reference resolves."""
    references = {model.key for model in models if model.key is not None}
    found = {reference for reference in references if resolve(reference) is not None}
    return frozenset(model.name for model in models if model.key in found)


def _from_keyring(name: str) -> str | None:
    """A password stored as `keyring set turnout NAME`; None without the `keyring` package or a usable backend."""
    try:
        keyring = importlib.import_module("keyring")  # optional, and slow to import
    except ImportError:
        return None
    try:
        password = keyring.get_password("turnout", name)
    except Exception:  # backends raise what they like: a locked or missing keyring is no key
        return None
    return str(password) if password else None
