"""The measurement in Neovim runs: nothing here looks at a figure."""

from functools import partial

import pytest

from bench import neovim
from clients.install.neovim import install
from clients.neovim.conftest import installed

pytestmark = pytest.mark.editor


def test_every_figure_comes_out() -> None:
    """With a handful of letters: both versions, the plugin beside a Neovim without it, and what loading it costs."""
    for version in neovim.VERSIONS:
        installed(f"Neovim {version}", partial(install, version=version))
    rows = neovim.measure(3)
    assert [(row.figure.split(",")[0], row.against) for row in rows] == [
        (f"Neovim {version}", against)
        for version in neovim.VERSIONS
        for against in ("key to letter", "key to letter", "")
    ]
    assert all(row.ours > 0 for row in rows)
