"""What stands in front of a line."""


def is_deeper(indent: str, *, than: str) -> bool:
    """Whether `indent` goes on where `than` ends."""
    return indent != than and indent.startswith(than)


def indent_of(line: str) -> str:
    """The blanks in front of `line`."""
    return line[: len(line) - len(line.lstrip())]


def has_word(line: str) -> bool:
    """Whether `line` has a character of a word, which brackets alone have not."""
    return any(character.isalnum() for character in line)
