"""What the gateway records of each request, as lines of JSON in the file that SPEND names: runs inside LiteLLM."""

import json
import os
from pathlib import Path

from litellm.integrations.custom_logger import CustomLogger


class Records(CustomLogger):
    """Hears of every request that succeeded."""

    async def async_log_success_event(
        self, kwargs: dict[str, object], response_obj: object, start_time: object, end_time: object
    ) -> None:
        """Keep the cost and the tags of one request."""
        logged = kwargs["standard_logging_object"]
        assert isinstance(logged, dict)
        kept = {
            name: logged[name] for name in ("response_cost", "request_tags", "prompt_tokens", "model_group")
        }
        append(json.dumps(kept) + "\n")


def append(line: str) -> None:
    """Add `line` to the file."""
    with Path(os.environ["SPEND"]).open("a") as file:
        file.write(line)


records = Records()
