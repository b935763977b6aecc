"""The configurations that docs/editors.md gives, taken from there, so that what is run is what is recommended."""

import re
from pathlib import Path

_PAGE = Path(__file__).parents[3] / "docs" / "editors.md"


def configuration(heading: str) -> str:
    """The first code block of the section under `heading`."""
    (section,) = re.findall(
        rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", _PAGE.read_text("utf-8"), re.M | re.S
    )
    block = re.search(r"^```\w+\n(.*?)^```$", section, re.M | re.S)
    assert block, f"no code under {heading}"
    return block[1]
