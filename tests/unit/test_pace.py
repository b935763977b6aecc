"""How long typing is waited for before a model is asked."""

from typing import Any

import pytest

from support.ledger_kit import receipt
from turnout.complete.pace import MOST_S, Pace
from turnout.core.models import Model
from turnout.core.policy import SELF_HOSTED

NEAR = Model("near", "local", "tiny")
BESIDE = Model("house", "completions", "qwen", base_url="http://127.0.0.1:8012/v1")
TEAM = Model("team", "completions", "qwen", leaves_machine=True, jurisdiction=SELF_HOSTED)
HOSTED = Model("codestral", "mistral-fim", "codestral", leaves_machine=True, jurisdiction="FR")


@pytest.mark.parametrize(
    ("model", "cost_usd", "delay_s"),
    [
        (NEAR, 0.0, 0.0),
        (BESIDE, None, 0.0),
        (TEAM, None, 0.0),
        (TEAM, 0.0001, MOST_S),
        (HOSTED, None, MOST_S),
        (HOSTED, 0.0001, MOST_S),
        (HOSTED, 0.0, 0.0),
    ],
)
def test_only_what_may_cost_money_is_waited_for(model: Model, cost_usd: float | None, delay_s: float) -> None:
    """A request of a hosted API waits for a pause, its price known or not; one of a machine of one's own does not."""
    pace = Pace()
    assert pace.delay_s() == 0
    pace.heard(receipt("r", cost_usd=cost_usd, prefill_ms=None), model)
    assert pace.delay_s() == delay_s


@pytest.mark.parametrize(
    ("figures", "reading_s", "writing_s"),
    [
        ({"queue_ms": 10.0, "prefill_ms": 40.0, "model_ms": 250.0, "tokens_out": 10}, 0.04, 0.02),
        ({"queue_ms": None, "prefill_ms": 40.0, "model_ms": 240.0, "tokens_out": 10}, 0.04, 0.02),
        ({"prefill_ms": 40.0, "model_ms": 40.0, "tokens_out": 0}, 0.04, None),
        ({"prefill_ms": None, "model_ms": None, "tokens_out": 10}, None, None),
    ],
)
def test_a_step_takes_what_it_took(
    figures: dict[str, Any], reading_s: float | None, writing_s: float | None
) -> None:
    """What a model needs for a prompt and for a token is measured, and unknown where nobody tells."""
    pace = Pace()
    pace.heard(receipt("r", **figures), NEAR)
    assert pace.step_s(writes=False) == pytest.approx(reading_s)
    assert pace.step_s(writes=True) == pytest.approx(writing_s)
