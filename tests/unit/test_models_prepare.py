"""`turnout models prepare`: what a build that reports in JSON lines is shown as, and how it ends."""

import sys

import pytest

from turnout.commands import preparing


def run(program: str) -> tuple[int, list[tuple[int, int, str]], list[str]]:
    """The status, what was shown, and what was said of a build that runs `program`."""
    shown: list[tuple[int, int, str]] = []
    said: list[str] = []
    code = preparing.build(
        [sys.executable, "-c", program], lambda done, of, line: shown.append((done, of, line)), said.append
    )
    return code, shown, said


@pytest.mark.parametrize(
    ("program", "code", "shown", "said"),
    [
        (
            r"""print('{"done": 1, "of": 2, "line": "a.cu"}\nninja\n[3]\n{"done": 2, "of": 2, "line": "b.cu"}')""",
            0,
            [(1, 2, "a.cu"), (2, 2, "b.cu")],
            "The extension of exllamav2 is ready. Editors that are open use it once their language server is started "
            "anew.",
        ),
        (
            """print('{"error": "No compiler.", "advice": "Install nvcc."}'); raise SystemExit(1)""",
            1,
            [],
            "turnout: No compiler. Install nvcc.",
        ),
        ("raise SystemExit(3)", 1, [], "turnout: the build ended with status 3; run it again to see more."),
    ],
)
def test_a_build_is_shown_and_its_end_said(
    program: str, code: int, shown: list[tuple[int, int, str]], said: str
) -> None:
    """Each step is shown, other output is not, and the end is one sentence with what to do."""
    assert run(program) == (code, shown, [said])


def test_a_build_that_is_interrupted_is_ended() -> None:
    """Ctrl-C leaves no compiler behind."""

    def interrupt(_done: int, _of: int, _line: str) -> None:
        raise KeyboardInterrupt

    program = """print('{"done": 0, "of": 1, "line": ""}', flush=True); import time; time.sleep(600)"""
    with pytest.raises(KeyboardInterrupt):
        preparing.build([sys.executable, "-c", program], interrupt, lambda _text: None)
