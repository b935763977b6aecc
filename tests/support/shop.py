"""A sample project of three files, what a model makes of it, and a client that has it refactored.

Invariant: a test has a folder of its own, so that tests can share a session.
"""

from dataclasses import dataclass
from typing import Any

from lsprotocol import types

from support.buffers import Buffer
from support.editor import Editor
from support.home import Home

FILES = {
    "shop/prices.py": "# Prices.\n\n\ndef total(prices):\n    return sum(prices)\n\n\n# -\n\n\n"
    "def same(prices):\n    return prices\n\n\n",
    "shop/basket.py": "from shop.prices import total\n\n\ndef pay(basket):\n    return total(basket.prices)\n",
    "shop/tests.py": "\ufefffrom shop.prices import total\r\n\r\nassert total([1, 2]) == 3\r\n",
}
OPEN, CLOSED = ("shop/prices.py", "shop/basket.py"), "shop/tests.py"


def renamed(text: str) -> str:
    """What the model makes of a file: two changes far apart in the first, one in the others."""
    return (
        text.replace("total(", "grand_total(")
        .replace("import total", "import grand_total")
        .replace("    return prices\n", "    return list(prices)\n")
    )


def _reply(text: str) -> str:
    plain = renamed(text).removeprefix("\ufeff").replace("\r\n", "\n")
    return f"I rename the function.\n\n```python\n{plain}```\n"


# The local model is asked for one file at a time; a rule finds its file by the path in the question.
SCRIPT = {
    "chat": [
        *(
            {"contains": f"/{name}:\n```python\nx = '{reply}'", "text": text, **more}
            for name, reply, text, more in (
                ("a.py", "prose", "I would rather talk about it.", {}),
                ("a.py", "same", "```python\nx = 'same'\n```", {}),
                ("a.py", "endless", "x ", {"repeat": 4000, "token_delay_s": 0.1}),
                ("a.py", "broken", "", {"error": "out of memory"}),
                ("a.py", "breaks", "```python\ndef (\n```", {}),
                ("a.py", "elided", "```python\n# ... rest unchanged\n```", {}),
            )
        ),
        *({"contains": f"{name}:\n```python\n", "text": _reply(text)} for name, text in FILES.items()),
    ]
}


@dataclass
class Shop:
    """The sample project of one test, two of its files open."""

    editor: Editor
    home: Home
    name: str
    buffers: list[Buffer]

    def uri(self, name: str) -> str:
        return self.home.uri(f"{self.name}/{name}")

    @property
    def uris(self) -> list[str]:
        return [self.uri(name) for name in FILES]

    def texts(self) -> list[str]:
        """The text of every file as its user sees it, open or not, with the byte order mark of closed ones."""
        return [*(buffer.text for buffer in self.buffers), self.home.read(f"{self.name}/{CLOSED}")]

    async def propose(self, **more: Any) -> dict[str, Any]:
        """Ask for the refactor of all three files."""
        params = {"instruction": "Rename total to grand_total", "scope": self.uris, **more}
        answer: dict[str, Any] = await self.editor.request("turnout/refactor", params)
        if "workDoneToken" not in more:
            await self.editor.displayed()
        return answer

    async def request(self, method: str, proposal: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Apply, undo or discard a proposal."""
        params = {"proposalId": proposal["proposalId"], **more}
        answer: dict[str, Any] = await self.editor.request(f"turnout/{method}", params)
        return answer

    async def edit(self) -> types.ApplyWorkspaceEditParams:
        """The edit that the server had applied."""
        params = await self.editor.next(types.WORKSPACE_APPLY_EDIT)
        assert isinstance(params, types.ApplyWorkspaceEditParams)
        return params


BEFORE, AFTER = list(FILES.values()), [renamed(text) for text in FILES.values()]


def open_shop(editor: Editor, home: Home, test: str) -> Shop:
    """The sample project in the folder of a test, with OPEN open."""
    name = test.replace("[", "-").strip("]")
    for file, text in FILES.items():
        home.write(f"{name}/{file}", text)
    shop = Shop(editor, home, name, [])
    shop.buffers = [editor.open(shop.uri(file), FILES[file]) for file in OPEN]
    return shop
