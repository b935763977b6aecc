"""How long typing is waited for before a model is asked."""

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
