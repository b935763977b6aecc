"""Turnout: a language server that puts each AI request on the right model."""

__version__ = "0.1.0"
