"""Configurations taken from the documentation, so that what is run is what is recommended."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def configuration(heading: str) -> str:
    """The first code block of the section under `heading` in docs/editors.md."""
    return blocks(ROOT / "docs" / "editors.md", heading)[0]


def blocks(page: Path, heading: str) -> list[str]:
    """The code blocks of a section of a page, at least one."""
    (section,) = re.findall(
        rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", page.read_text("utf-8"), re.M | re.S
    )
    found = re.findall(r"^```\w+\n(.*?)^```$", section, re.M | re.S)
    assert found, f"no code under {heading}"
    return found
