"""What every long request shares: the use cases' seams, progress, and errors that say what to do."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pygls.exceptions import JsonRpcException

from turnout import syntax
from turnout.act.seams import SO_FAR, Seams, Tell
from turnout.errors import TurnoutError
from turnout.lsp.services import Operation, Services
from turnout.lsp.workspace import EditorWorkspace
from turnout.session.editor import Progress

REQUEST_FAILED = -32803
_SHOW_EVERY_S = 0.1


class RequestFailed(JsonRpcException):
    """A request that could not be carried out; the message says why and what to do."""

    CODE = REQUEST_FAILED
    MESSAGE = "Request failed"


@asynccontextmanager
async def failures_as_errors(operation: Operation | None = None) -> AsyncIterator[None]:
    """Answer a failure of ours with the protocol's error and our words, and say which models were passed over."""
    try:
        yield
    except TurnoutError as error:
        passed = "; ".join(operation.passed_over) if operation else ""
        known = not passed or passed in error.message
        raise RequestFailed(message=str(error) if known else f"{error} Passed over: {passed}") from error


def seams_for(services: Services, operation: Operation, workspace: EditorWorkspace, tell: Tell) -> Seams:
    """What a use case works with, for one operation in one workspace folder."""
    repository = services.repositories.of_folder(workspace.folder.root)
    return Seams(
        operation,
        workspace,
        syntax,
        tell,
        services.outlook.about(operation.instruction),
        repository,
        history=services.outlook.history,
    )


def told(progress: Progress, clock: Callable[[], float] = time.monotonic) -> Tell:
    """Shows what a use case tells in a progress display; not every token of an answer, which no eye can follow."""
    shown_s = float("-inf")

    def tell(what: str, done: int, of: int) -> None:
        nonlocal shown_s
        if not what.startswith(SO_FAR) or clock() - shown_s >= _SHOW_EVERY_S:
            shown_s = clock()
            progress.report(what, done * 100 // of if of else None)

    return tell
