"""The server's log: a file of the user's, without the user's text."""

import logging
import sys

from turnout import paths

LOG_BYTES = 2_000_000


def to_file() -> None:
    """Log to a file of the user's: editors show a server's stderr in odd places, or not at all."""
    from logging.handlers import RotatingFileHandler

    try:
        folder = paths.state_dir() / "logs"
        folder.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        sys.stderr.write(f"turnout: no log and no receipts are kept: {error}\n")
        logging.basicConfig(handlers=[logging.NullHandler()])
        return
    handler = RotatingFileHandler(
        folder / "server.log", maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", delay=True
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(_without_users_text)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # pygls logs whole messages, and with them the user's text, at INFO.
    logging.getLogger("pygls").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def _without_users_text(record: logging.LogRecord) -> bool:
    """Take the traceback off what was only answered with an error: its message may quote the user's code."""
    if record.exc_info and any(
        kind.__name__ == "JsonRpcException" for kind in type(record.exc_info[1]).__mro__
    ):
        record.exc_info = None
    return True
