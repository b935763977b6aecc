"""The benchmark of the index runs: nothing here looks at a figure."""

from bench import index


def test_every_figure_comes_out() -> None:
    """With a handful of files, everything is built, saved, asked and listed."""
    rows = index.measure(20)
    assert len(rows) == 17
    assert all(row.ours >= 0 for row in rows)
