"""Arguments that mean nothing are refused as wrong usage, before anything is read or sent."""

import pytest

from turnout.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["refactor", ""], "INSTRUCTION: it is empty: say what to change"),
        (["refactor", " \n"], "INSTRUCTION: it is empty: say what to change"),
        (["refactor", "Rename it", ""], "PATH: it is empty: name a file or a folder"),
        (["refactor", "Rename it", "a.py", "", "--apply"], "PATH: it is empty: name a file or a folder"),
        (["eval", "edits", "--commits", "0"], "--commits: 0 is not a positive number"),
        (["eval", "edits", "--commits=-1"], "--commits: -1 is not a positive number"),
        (["eval", "edits", "--commits", "-1"], "--commits"),
        (["eval", "completions", "--holes", "0"], "--holes: 0 is not a positive number"),
    ],
)
def test_what_means_nothing_is_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status is that of wrong usage, and the message says what is wrong with which argument."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
