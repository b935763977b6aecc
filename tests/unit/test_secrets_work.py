"""Looking for secrets takes work that grows as the text does, whatever the text: no expression backtracks for long."""

from collections.abc import Callable
from time import thread_time

import pytest

from support.secrets import made
from turnout.core.secrets.scan import drained, finding

BEGIN, END = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"

MOST = 12
"""Times as much work for four times the text: four where it is linear, sixteen where it is quadratic."""


def work(text: str) -> float:
    """What a scan of `text` costs, at its best of three."""
    costs = []
    for _ in range(3):
        begun = thread_time()
        drained(finding(text))
        costs.append(thread_time() - begun)
    return min(costs)


def tokens(count: int) -> str:
    """Bare tokens, one on each line."""
    return "\n".join("ghp_" + made(36) for _ in range(count))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        pytest.param(lambda n: f"abc\n{'/' * n}!\n", 2_500, id="slashes on a wrapped line"),
        pytest.param(lambda n: f"abc\n{'A/' * n}!\n", 10_000, id="slashes in a wrapped piece"),
        pytest.param(lambda n: f"abc\n{' ' * n}!\n", 10_000, id="margin of a wrapped line"),
        pytest.param(lambda n: f"abc\nA{' ' * n}!\n", 10_000, id="white space behind a wrapped piece"),
        pytest.param(lambda n: BEGIN + "\\" * n + "\n", 2_500, id="backslashes after BEGIN"),
        pytest.param(lambda n: BEGIN + "/" * n + "!", 10_000, id="slashes after BEGIN"),
        pytest.param(lambda n: BEGIN + "\nAbcd: " + "\\n" * n + "!", 10_000, id="headers after BEGIN"),
        pytest.param(lambda n: "\\" * n + END + "\n", 2_500, id="backslashes before END"),
        pytest.param(lambda n: (BEGIN + "\n") * n, 500, id="many a BEGIN"),
        pytest.param(lambda n: (END + "\n") * n, 500, id="many an END"),
        pytest.param(lambda n: "eyJ-" * n, 4_000, id="beginnings of a JWT"),
        pytest.param(
            lambda n: "eyJ-" * n + ".eyJ-" + "a" * 4 * n, 4_000, id="beginnings of a JWT in its payload"
        ),
        pytest.param(lambda n: "key=" * n, 2_000, id="assigned again and again"),
        pytest.param(lambda n: "://" + "a:" * n, 20_000, id="colons in a URL"),
        pytest.param(lambda n: "://a:" + "b@" * n, 20_000, id="at signs in a URL"),
        pytest.param(lambda n: "://a:b@" * n, 4_000, id="many a URL"),
        pytest.param(lambda n: "a:b@tcp(" * n, 2_000, id="data source names"),
        pytest.param(lambda n: " -u a:" * n, 4_000, id="options"),
        pytest.param(lambda n: "password: a" + " " * n + "!", 10_000, id="spaces in a type"),
        pytest.param(lambda n: "password: " + "a[" * n, 10_000, id="brackets in a type"),
        pytest.param(lambda n: "password: a " * n, 1_000, id="types without a value"),
        pytest.param(lambda n: 'password = "' + "a<" * n + '"', 2_000, id="signs in a value"),
        pytest.param(lambda n: "aB3" * n, 20_000, id="one long piece"),
        pytest.param(lambda n: ("aB3" * 21 + "\n") * n, 500, id="lines of a key"),
        pytest.param(lambda n: ("aB3" * 21 + " ") * n, 500, id="pieces on one line"),
        pytest.param(lambda n: "aB3" * 21 + "\n" * n + "!", 10_000, id="line ends after a key"),
        pytest.param(lambda n: ("password" + " " * 200) * n, 100, id="names without a value"),
        pytest.param(lambda n: "mysql" + " -p" * n, 4_000, id="options of mysql"),
        pytest.param(lambda n: "mysql -p" + "a" * n + "'", 10_000, id="a long value of an option"),
        pytest.param(lambda n: "machine a.b login " * n, 2_000, id="beginnings of a .netrc"),
        pytest.param(lambda n: "machine a.b" + " " * n + "login", 10_000, id="spaces in a .netrc"),
        pytest.param(lambda n: "Authorization: bearer " + "a" * n + "!", 10_000, id="a long header"),
        pytest.param(
            lambda n: "a.-" * n + 'password="' + "ab-" * n + '"', 4_000, id="a long chosen password"
        ),
        pytest.param(lambda n: "PASSWORD=" * n, 2_000, id="variables of a command"),
        pytest.param(lambda n: '{"kty":' * n, 4_000, id="beginnings of a JSON Web Key"),
        pytest.param(lambda n: "kty" + "d:" * n, 4_000, id="members of a JSON Web Key"),
        pytest.param(lambda n: "EAAA-MTk4:AA" * n, 2_000, id="beginnings of tokens"),
        pytest.param(lambda n: 'variable "token" {' * n, 1_000, id="variables without a default"),
        pytest.param(lambda n: 'key="token" value' + " " * n, 10_000, id="spaces in an attribute"),
        pytest.param(lambda n: "jdbc:oracle:thin:a/b" * n, 2_000, id="logins of a database"),
        pytest.param(lambda n: f"['{'aB3' * 21}" + "'," * n, 4_000, id="ends of strings"),
        pytest.param(tokens, 500, id="tokens one a line"),
        pytest.param(lambda n: "abc\\\n" * n, 2_000, id="continued lines"),
    ],
)
def test_grows_with_the_text(text: Callable[[int], str], size: int) -> None:
    """Four times the text is never sixteen times the work."""
    assert work(text(4 * size)) < MOST * work(text(size))


def test_dotted_value() -> None:
    """A value of many dotted parts is judged as any other: this test would never end."""
    value = "ab." + ".".join(f"{'xyz'[part % 3]}{part % 10}" for part in range(80)) + "!Q7"
    drained(finding(f'secret = "{value}"\n'))


@pytest.mark.parametrize(
    "text",
    [
        tokens(2_000),
        'token = "x" \\\n' * 2_000,
        "ghp_\n" * 20_000,
        "a" * 200_000,
        "Größe\n" * 40_000,
        "\n" * 100_000,
        ("aB3" * 21 + "\n") * 3_000,
    ],
    ids=["tokens one a line", "continued lines", "beginnings", "one line", "words", "line ends", "base64"],
)
def test_a_step_is_short(text: str) -> None:
    """Four times the text is looked at in nearly four times as many steps, not in longer ones."""
    few, many = (sum(1 for _ in finding(text * times)) for times in (1, 4))
    assert many >= 2 * few


def test_a_long_text_is_looked_at_in_many_steps() -> None:
    """Nothing is looked for in a megabyte at once, whether or not it is there."""
    assert sum(1 for _ in finding("a" * 1_000_000)) > 1_000
