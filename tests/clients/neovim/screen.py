"""What a Neovim has drawn, kept from the redraw events of its `ext_linegrid` protocol."""

from dataclasses import dataclass, field
from typing import Any

GHOST_COLOUR = 0x123456
"""Foreground that the tests give to ghost text, so that it can be told from what is in the buffer."""


@dataclass(slots=True)
class Cell:
    """One screen cell; the right half of a wide character has empty text."""

    text: str = " "
    highlight: int = 0


@dataclass
class Screen:
    """The grid, fed with batches of events."""

    width: int = 0
    height: int = 0
    rows: list[list[Cell]] = field(default_factory=list)
    attributes: dict[int, dict[str, Any]] = field(default_factory=dict)
    cursor: tuple[int, int] = (0, 0)

    def feed(self, batch: list[list[Any]]) -> None:
        """Take over one `redraw` notification."""
        for name, *calls in batch:
            handler = getattr(self, f"_on_{name}", None)
            if handler is not None:
                for call in calls:
                    handler(*call)

    def _on_grid_resize(self, _grid: int, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._on_grid_clear(_grid)

    def _on_grid_clear(self, _grid: int) -> None:
        self.rows = [[Cell() for _ in range(self.width)] for _ in range(self.height)]

    def _on_grid_cursor_goto(self, _grid: int, row: int, column: int) -> None:
        self.cursor = (row, column)

    def _on_hl_attr_define(self, number: int, rgb: dict[str, Any], *_rest: Any) -> None:
        self.attributes[number] = rgb

    def _on_grid_line(self, _grid: int, row: int, column: int, cells: list[list[Any]], *_rest: Any) -> None:
        highlight = 0
        for text, *more in cells:
            if more:
                highlight = more[0]
            for _ in range(more[1] if len(more) > 1 else 1):
                self.rows[row][column] = Cell(text, highlight)
                column += 1

    def _on_grid_scroll(
        self, _grid: int, top: int, bottom: int, left: int, right: int, count: int, _columns: int
    ) -> None:
        targets = range(top, bottom - count) if count > 0 else range(bottom - 1, top - count - 1, -1)
        for row in targets:
            self.rows[row][left:right] = self.rows[row + count][left:right]

    def lines(self) -> list[str]:
        """Text of each row, trailing blanks dropped."""
        return ["".join(cell.text for cell in row).rstrip() for row in self.rows]

    def text(self) -> str:
        """The whole screen."""
        return "\n".join(self.lines())

    def ghost(self) -> list[str]:
        """Ghost text of each row that has any."""
        drawn = ("".join(cell.text for cell in row if self._is_ghost(cell)) for row in self.rows)
        return [text for text in drawn if text]

    def _is_ghost(self, cell: Cell) -> bool:
        return self.attributes.get(cell.highlight, {}).get("foreground") == GHOST_COLOUR
