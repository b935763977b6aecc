"""Arguments of commands that are held to more than a type; what is refused is said in the usage error."""

import argparse
from pathlib import Path


def positive(text: str) -> int:
    """A whole number from 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def instruction(text: str) -> str:
    """Words that say what to do."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty: say what to change")
    return text


def place(text: str) -> Path:
    """A path that was written out: Path("") would be the folder one is in, and a script's variable may be empty."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty: name a file or a folder, or leave it out")
    return Path(text)
