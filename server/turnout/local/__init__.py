"""The client side of the model processes on this machine."""

from turnout.local.backend import LocalBackend

__all__ = ["LocalBackend"]
