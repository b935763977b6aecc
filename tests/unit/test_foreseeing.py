"""What a request would send first: the same model and prompt as when it is run, and nothing else happens."""

from dataclasses import replace
from typing import Any

import pytest

from support.dispatch_kit import FILES, GLM, HOUSE, NEAR, OPUS, Around, Scripted, route, says, setup
from support.secrets import TOKENS
from turnout.core.answers import Ask
from turnout.core.models import Model
from turnout.core.previews import preview_to_wire
from turnout.core.prompts import ChatPrompt, Message, Prompt
from turnout.core.requests import Elimination, Kind, Route
from turnout.core.withholding import LeftOut, why_apart
from turnout.dispatch import Operation
from turnout.errors import RequestRejected, RouteError, TurnoutError
from turnout.preview import Previewer

SECRET = ChatPrompt((Message("user", f"TOKEN = '{TOKENS['GitHub']}'"),))
PLAIN = ChatPrompt((Message("user", "do it"),))
DEAR = replace(OPUS, name="dear")


class Remembering(Around):
    """The kit's, with what its user said."""

    said: bool | None = None

    def remembered(self, model: Model, kind: Kind) -> bool | None:
        return self.said


def write(model: Model, prompt: Prompt) -> tuple[str, bytes]:
    """As a backend would write it down."""
    if model.name == "glm":
        raise RequestRejected("It cannot be written for that one.")
    return "https://h.example", repr(prompt).encode()


def request(prompt: ChatPrompt, kind: Kind = "refactor") -> Ask:
    return Ask(kind, FILES, lambda _model: prompt)


@pytest.mark.parametrize(
    ("models", "prompt", "more", "said", "expected"),
    [
        ((OPUS, NEAR), PLAIN, {}, None, "opus"),
        ((NEAR, OPUS), PLAIN, {}, None, "near"),
        ((OPUS, NEAR), SECRET, {"secrets": "block"}, None, "near"),
        ((OPUS, NEAR), PLAIN, {"ask": True}, True, "opus"),
        ((OPUS, NEAR), PLAIN, {"ask": True}, False, "near"),
        ((OPUS, HOUSE, NEAR), PLAIN, {"limit_usd": 0.0001}, None, "near"),
    ],
    ids=["the first", "here", "secrets", "agreed", "refused", "no money"],
)
async def test_it_is_the_model_that_is_asked_first(
    models: tuple[Model, ...], prompt: ChatPrompt, more: dict[str, Any], said: bool | None, expected: str
) -> None:
    """Whatever passes a model over when the request is run passes it over here, and nobody is asked or charged."""
    around, backend = Remembering(route(*models, **more), answer=said is not False), _answering(*models)
    around.said = said
    dispatcher = setup(around, backend)
    ask = request(prompt)
    foreseen = await dispatcher.foresee(ask, dispatcher.operation(), write)
    assert (around.questions, around.receipts, around.reserved, backend.asked) == ([], [], [], [])
    assert foreseen.model.name == expected
    assert len(foreseen.passed) == [model.name for model in models].index(expected)
    answer = await dispatcher.run(ask)
    assert answer.model == foreseen.model


def _answering(*models: Model) -> Scripted:
    return Scripted({model.name: says("done") for model in models})


async def test_what_cannot_be_written_is_passed_over() -> None:
    """A model whose API takes no such prompt is none that it would be sent to."""
    around = Remembering(route(GLM, OPUS))
    dispatcher = setup(around, _answering(GLM, OPUS))
    foreseen = await dispatcher.foresee(request(PLAIN), dispatcher.operation(), write)
    assert (foreseen.model, foreseen.passed) == (OPUS, ("glm: It cannot be written for that one.",))


@pytest.mark.parametrize(("only", "error"), [("near", None), ("opus", TurnoutError), ("none", RouteError)])
async def test_one_model_may_be_named(only: str, error: type[TurnoutError] | None) -> None:
    """Its prompt is shown, or why it would get none."""
    dispatcher = setup(Remembering(route(OPUS, NEAR, secrets="block")), _answering(OPUS, NEAR))
    asking = dispatcher.foresee(request(SECRET), dispatcher.operation(), write, only)
    if error is None:
        assert (await asking).model == NEAR
    else:
        with pytest.raises(error):
            await asking


async def test_work_stops_at_its_first_send() -> None:
    """What was left out until then is told, with what else there is to know."""
    dispatcher = setup(Remembering(route(OPUS, ask=True)), _answering(OPUS))
    done: list[str] = []

    async def begin(operation: Operation, hear: Any) -> None:
        hear((LeftOut("b.py", "it stays here"),))
        await operation.ask("refactor", lambda _model: SECRET, FILES, lambda _text: None)
        done.append("went on")

    preview = await Previewer(dispatcher, write).of_work(begin, "rename it")
    wire = preview_to_wire(preview)
    assert done == []
    assert (wire["model"], wire["askBeforeLeaving"], wire["redacted"]) == ("opus", True, {"GitHub token": 1})
    assert wire["leftOut"] == [{"path": "b.py", "reason": "it stays here"}]
    assert TOKENS["GitHub"] not in str(wire)
    assert "first prompt of a refactor" in wire["report"]
    with pytest.raises(RequestRejected, match="No model would be asked"):
        await Previewer(dispatcher, write).of_work(_nothing)


async def _nothing(operation: Operation, hear: Any) -> None:
    """Ask nothing."""


@pytest.mark.parametrize(
    ("alone", "together", "why"),
    [
        (route(OPUS, NEAR), route(OPUS, NEAR), ""),
        (route(), route(), "no model may be asked here at all"),
        (
            route(OPUS, NEAR),
            Route("refactor", (NEAR,), (Elimination("opus", "b.py stays", "a.toml:3"),), ""),
            "opus: b.py stays (a.toml:3)",
        ),
        (route(OPUS, DEAR), route(DEAR, OPUS), "with it other models would be asked, or in another order"),
        (route(OPUS), route(OPUS, ask=True), "with it you would be asked first"),
        (route(OPUS), route(OPUS, secrets="block"), "with it secrets would be treated otherwise"),
    ],
)
def test_why_text_is_kept_apart(alone: Route, together: Route, why: str) -> None:
    """Text goes along only where it changes nothing about the route; the reason says what it would change."""
    assert why_apart(alone, together) == why
