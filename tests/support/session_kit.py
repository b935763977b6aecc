"""An editor that remembers what it was told, for the session's tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from turnout.session.editor import Level, Progress, Status


class FakeEditor:
    """Remembers what it was told and answers questions from a list."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.said: list[str] = []
        self.questions: list[str] = []
        self.progress_messages: list[str] = []
        self.states: list[str] = []
        self.told = asyncio.Event()

    def say(self, text: str, level: Level = "info") -> None:
        self.said.append(text)
        self.told.set()

    def say_once(self, text: str, level: Level = "info") -> None:
        if text not in self.said:
            self.said.append(text)

    async def choose(self, question: str, options: tuple[str, ...]) -> str | None:
        self.questions.append(question)
        return self.answers.pop(0)

    @asynccontextmanager
    async def progress(self, title: str, token: str | int | None = None) -> AsyncIterator[Progress]:
        yield self

    def report(self, message: str, percent: int | None = None) -> None:
        self.progress_messages.append(f"{message} {percent}")
        self.told.set()

    def show_status(self, status: Status) -> None:
        self.states.append(status.state)


async def turns() -> None:
    """Let every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


class SlowEditor(FakeEditor):
    """Asks at once, and gets its answers once `answered` is set."""

    def __init__(self, *answers: str | None) -> None:
        super().__init__(*answers)
        self.answered = asyncio.Event()

    async def choose(self, question: str, options: tuple[str, ...]) -> str | None:
        chosen = await super().choose(question, options)
        await self.answered.wait()
        return chosen
