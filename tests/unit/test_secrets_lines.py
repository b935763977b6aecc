"""Lines from the middle of a key, without its BEGIN and its END."""

import base64
import hashlib
import random

import pytest

from support.secrets import HEX, lines_of_base64, made, pem
from turnout.core.prompts import ChatPrompt, FimPrompt, Message
from turnout.core.secrets import find, redacting
from turnout.core.secrets.scan import drained

KEY, LINES = pem("RSA", count=12)
CHANCE = random.Random(3)


def of_width(width: int, count: int, rest: str = "") -> list[str]:
    """Lines of base64 of any width, with a last one."""
    return [*(made(width) for _ in range(count)), *([rest] if rest else [])]


MIDDLES = [
    LINES[3:8],
    LINES[3:5],
    LINES[5:6],
    LINES[-3:],
    LINES[-2:],
    of_width(70, 4, made(22) + "=="),
    of_width(76, 3, made(7) + "="),
    of_width(60, 2),
    [made(30), *of_width(64, 3)],
]
JOINTS = [("", "\n"), ("    ", "\n    "), ("# ", "\n# "), ("", "\r\n"), ("> ", "\n> ")]
FRONTS = [("-", "\n-"), ("E       ", "\nE       "), ("conf/keys.py:12: ", "\nconf/keys.py:13: ")]
"""What a diff, pytest and a search write in front of every line."""
LISTS = [("['", "', '"), ('["', '","'), ("('", "',\t'")]
STRINGS = [('"', '\\n"\n    "'), ("'", "\\n' +\n  '"), ('k = "', '",\n    "'), ('"', "\\n")]


def taken(text: str) -> set[str]:
    """What is found in `text`."""
    return {text[one.start : one.end] for one in find(text)}


@pytest.mark.parametrize("lines", MIDDLES)
@pytest.mark.parametrize(("first", "joint"), [*JOINTS, *FRONTS])
def test_middle(lines: list[str], first: str, joint: str) -> None:
    """Every line from the middle of a key is found without the key's marks, whatever margin it has."""
    text = first + joint.join(lines)
    if lines[0] != MIDDLES[-1][0]:
        text = f"See this:\n\n```\n{text}\n```\n"
    elif first:
        return
    assert taken(text) == set(lines)


@pytest.mark.parametrize(("first", "joint"), [*FRONTS, ("+", "\n+")])
def test_whole_in_rows(first: str, joint: str) -> None:
    """A whole key is found as well, its last line included."""
    text = f"{first}{joint.join(KEY.splitlines())}\n"
    assert {line.lstrip("+") for line in taken(text)} == set(LINES)


def test_a_change_in_a_key() -> None:
    """Lines that a diff keeps, takes and adds are those of one key."""
    lines = [f" {LINES[2]}", f" {LINES[3]}", f"-{LINES[4]}", f"+{LINES[5]}", f" {LINES[6]}"]
    found = taken("@@ -3,4 +3,4 @@\n" + "\n".join(lines))
    assert {line.lstrip("+") for line in found} == set(LINES[2:7])
    assert {line.lstrip("+") for line in taken(f"@@ -3 +3 @@\n+{LINES[4]}\n")} == {LINES[4]}


@pytest.mark.parametrize("lines", [lines for lines in MIDDLES[:-1] if len(lines) > 2])
@pytest.mark.parametrize(("first", "joint"), STRINGS)
def test_middle_in_strings(lines: list[str], first: str, joint: str) -> None:
    """The same holds for a key that is put together from strings."""
    assert taken(f"x = 1\n{first}{joint.join(lines)}{first[-1]}\ny = 2\n") == set(lines)


@pytest.mark.parametrize("first", range(0, 12, 3))
@pytest.mark.parametrize("count", [1, 2, 5])
def test_nothing_of_a_selection_leaves(first: int, count: int) -> None:
    """No line of a selection inside a key is sent, nor of text around a cursor inside one."""
    selected = [line + "\n" for line in LINES[first : first + count]]
    text = "".join(selected)
    chat = drained(redacting(ChatPrompt((Message("user", f"Explain:\n```\n{text}```\n"),))))
    cursor = len(text) // 2 + 7
    typed = drained(redacting(FimPrompt("d", "p", text[:cursor], text[cursor:])))
    for redacted in (chat, typed):
        assert redacted.counts
        assert not any(line.strip()[:20] in str(redacted.prompt) for line in selected)


@pytest.mark.parametrize("lines", [lines for lines in MIDDLES[:-1] if len(lines) > 2])
@pytest.mark.parametrize(("first", "joint"), LISTS)
def test_middle_in_a_list(lines: list[str], first: str, joint: str) -> None:
    """The same holds for a list of strings on one line."""
    assert taken(f"x = {first}{joint.join(lines)}{first[-1]}\n") == set(lines)


def block(name: str, lines: list[str]) -> str:
    """A block with marks."""
    return f"-----BEGIN {name}-----\n" + "\n".join(lines) + f"\n-----END {name}-----\n"


def picture(head: bytes, width: int) -> str:
    """A file in lines of base64."""
    text = base64.b64encode(head + CHANCE.randbytes(500)).decode()
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


HASHES = [hashlib.sha256(bytes([n])).hexdigest() for n in range(8)]
LEFT_ALONE = [
    block("CERTIFICATE", lines_of_base64(6)),
    block("CERTIFICATE REQUEST", lines_of_base64(6)),
    block("PUBLIC KEY", lines_of_base64(3)),
    block("PGP PUBLIC KEY BLOCK", ["Version: 2", "", *lines_of_base64(6), "=a8Xk"]),
    block("PGP SIGNATURE", ["", *lines_of_base64(6), "=a8Xk"]),
    block("CERTIFICATE", lines_of_base64(6)).split("\n", 1)[1],
    block("CERTIFICATE", lines_of_base64(6)).rsplit("-----END", 1)[0],
    "".join(block("CERTIFICATE", lines_of_base64(4)) for _ in range(3)),
    picture(b"\x89PNG\r\n\x1a\n", 76),
    picture(b"\xff\xd8\xff\xe0", 64),
    picture(b"GIF89a", 76),
    picture(b"PK\x03\x04", 64),
    picture(b"\x1f\x8b\x08\x00", 64),
    picture(b"%PDF-1.7", 76),
    "url(data:font/x;base64," + picture(b"abc", 70) + ")",
    "\n".join(HASHES),
    "\n".join(f'"{one}",' for one in HASHES),
    "\n".join(f"    {one.upper()}" for one in HASHES),
    "\n".join(made(128, HEX) for _ in range(3)),
    "\n".join("".join(CHANCE.choices("ACGT", k=60)) for _ in range(5)),
    "\n".join("".join(CHANCE.choices("ACDEFGHIKLMNPQRSTVWY", k=60)) for _ in range(5)),
    "\n".join("sha384-" + made(64) for _ in range(3)),
    "\n".join(made(86) + "==" for _ in range(3)),
    f'integrity = "{made(64)}"',
    f"x = {made(64)}",
    repr(HASHES),
    repr([one.upper() for one in HASHES]),
    repr([made(44), made(44)]),
    repr([f"sha384-{made(64)}", f"sha384-{made(64)}"]),
    repr([made(64), made(30)]),
    made(50) + "\n" + made(50),
    made(100),
    "/" * 70 + "\n" + "/" * 70,
    "A" * 64 + "\n" + "A" * 64,
    "=" * 70 + "\n" + "+" * 70,
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "0" * 64 + "\n" + "1" * 64,
    "\n".join(f"ssh-rsa AAAAB3NzaC1yc2E{made(80)} user@host" for _ in range(3)),
    "\n".join(f"/usr/lib/python3.11/site-packages/{'package' * 4}/module{n}.py" for n in range(4)),
]


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_left_alone(text: str) -> None:
    """Certificates, files, hashes, sequences and single values stay as they are."""
    assert taken(text) == set()
