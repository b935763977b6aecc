"""Holes with one likely answer each, so that two engines with the same weights can be compared by it."""

from turnout.worker.engines.base import Work

_SHOP = """class Cart:
    def __init__(self, items):
        self.items = items

    def total(self):
        return sum(price * count for price, count in self.items)

"""

HOLES: tuple[tuple[str, str], ...] = (
    ("def add(a, b):\n    return ", "\n\n\ndef subtract(a, b):\n    return a - b\n"),
    (
        _SHOP + "    def count(self):\n        return sum(",
        "\n\n    def empty(self):\n        return not self.items\n",
    ),
    ("import os\n\n\ndef home():\n    return os.environ[", "\n\n\nprint(home())\n"),
    ("for index in range(10):\n    pri", "\n"),
    ("def read(path):\n    with open(path) as file:\n        retu", "\n\n\nprint(read('a.txt'))\n"),
    ("numbers = [3, 1, 2]\nnumbers.so", "\nprint(numbers)\n"),
    ("class Point:\n    def __init__(self, x, y):\n        self.x = x\n        self.y = ", "\n"),
    ("const names = ['a', 'b'];\nnames.forEach(name => console.lo", ");\n"),
    ("def is_even(n):\n    return n % 2 =", "\n\n\ndef is_odd(n):\n    return n % 2 == 1\n"),
    ("try:\n    value = int(text)\nexcept ValueError:\n    value = ", "\nprint(value)\n"),
)

TEXTS = (
    _SHOP,
    "x = {'naïve': 12345, \"変数\": None}\t# don't  stop\r\n\r\n    ",
    "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>",
)
"""Code, other scripts, odd spaces and special tokens, for tokenizers to agree on."""


def line(prefix: str, suffix: str, document: str = "d", beside: str = "", **options: object) -> Work:
    """One line at a hole; `beside` is the text of another file that is shown with it."""
    other = ({"role": "chunk", "text": beside, "path": "b.py"},) if beside else ()
    parts = (*other, {"role": "prefix", "text": prefix, "path": "a.py"}, {"role": "suffix", "text": suffix})
    return Work(document, parts, chat=False, **{"shape": "line", "max_tokens": 32, **options})  # type: ignore[arg-type]


def long_prefix(characters: int) -> str:
    """Code of about that many characters, three and a half of which are a token."""
    lines = (f"def step_{n}(value):\n    return value * {n} + {n % 7}\n\n\n" for n in range(characters))
    text = ""
    while len(text) < characters:
        text += next(lines)
    return text
