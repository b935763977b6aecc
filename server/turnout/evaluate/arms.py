"""The ways of asking that are compared: as the server asks, and the same model with the same room and no repository."""

from typing import Literal, get_args

Arm = Literal["context", "bare", "plain"]

ARMS: tuple[Arm, ...] = get_args(Arm)

LABELS: dict[Arm, str] = {
    "context": "with repository context",
    "bare": "the file alone, our layout",
    "plain": "the file alone, plain PSM",
}
