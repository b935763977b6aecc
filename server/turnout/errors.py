"""Every error that Turnout raises on purpose, and what a user can do about each.

Foreign errors are mapped to one of these once, at the edge where they appear.

TurnoutError
├── SettingsError            a settings file or value that cannot be used
├── RouteError               no candidate is left for a request
│   └── ConsentRefused       the user said no to text leaving the machine
├── ModelError               the weights of a local model
│   ├── ModelUnknown         a name that is neither in the manifest nor a file
│   ├── ModelMissing         known, but not on this machine yet
│   ├── DownloadFailed       no source could deliver it
│   ├── PullCancelled        the user stopped the download
│   ├── HashMismatch         delivered, but not the pinned bytes
│   └── DiskFull             no room for it
├── BackendError             a model that was asked and did not answer; carries a remedy and retry_after_s
│   ├── EngineMissing        the package that runs local models is not installed
│   ├── WorkerUnavailable    the worker cannot be started or reached
│   ├── WorkerCrashed        the worker died while it answered
│   ├── KeyMissing           a remote model without its key
│   ├── Unauthorized         the key was refused
│   ├── OutOfCredit          the account cannot pay
│   ├── RateLimited          too many requests
│   ├── Overloaded           the provider is down or overloaded
│   ├── RequestRejected      the provider will not take this request
│   │   ├── ModelFailed      a local model that cannot be loaded, or that fails to run
│   │   ├── SecretsFound     its text holds secrets, which the settings do not let out
│   │   └── RedactionLost    an answer that spoiled the placeholder of a secret
│   ├── ConnectionFailed     no connection
│   │   └── ConnectionLost       it broke before the first byte of an answer, maybe after the whole request was sent
│   ├── CircuitOpen          an endpoint that failed lately and is left alone for a while
│   ├── BudgetExceeded       a budget has no room for what it may cost
│   ├── DeadlineExceeded     no answer in time
│   ├── StreamTruncated      the stream ended without its terminal event
│   └── ProtocolViolation    bytes that are not the protocol
├── GitFailed                git cannot be run here, or says no
└── EditError                a model's reply that cannot become an edit
    ├── ReplyUnusable        no well-formed edit in the reply
    │   └── ReplyCutOff      it ran into its limit
    ├── EditUnmatched        the text to replace is not in the file
    ├── EditAmbiguous        it is there more than once
    ├── PathRefused          a path outside what the request may touch
    │   └── PlaceTaken           one that another file has, or leaves no room for
    ├── FileUnusable         a file that is not UTF-8 text of a sensible size
    │   └── FileWithheld     a file that its user keeps from every model
    ├── DocumentStale        the file changed since the edit was made
    ├── ProposalUnknown      no such proposal, or it was already used
    ├── FolderBusy           another process is changing files of the folder
    ├── CutOffInEditor       a crash cut off what an editor was doing, which only an editor can put right
    └── Unrecorded           the journal cannot be written, so nothing may be changed
"""

from typing import Literal


class TurnoutError(Exception):
    """Base of all; `advice` is one sentence that says what the user can do next.

    `receipt` is that of the request that ended with it, if any: see `core.answers.receipt_of`.
    """

    receipt: object = None

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


class SettingsError(TurnoutError):
    """A settings file or value that cannot be used."""


class RouteError(TurnoutError):
    """No candidate is left for a request."""


class ConsentRefused(RouteError):
    """The user said no to text leaving the machine."""


class ModelError(TurnoutError):
    """The weights of a local model."""


class ModelUnknown(ModelError):
    """A name that is neither in the manifest nor a file."""


class ModelMissing(ModelError):
    """A known model that is not on this machine yet, in the `form` that was asked for."""

    def __init__(self, message: str, *, model: str, form: str = "gguf", advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.model = model
        self.form = form


class DownloadFailed(ModelError):
    """No source could deliver the file."""


class PullCancelled(ModelError):
    """A download that the user stopped."""


class HashMismatch(ModelError):
    """A file whose bytes are not the pinned ones."""


class DiskFull(ModelError):
    """No room for the file."""


Remedy = Literal["retry", "fall_back", "stop"]
"""What may help: the same model again, another model, or nothing until the user has done something."""

Extent = Literal["unsent", "refused", "taken"]
"""How far a prompt got: no byte of it went out, it was turned away unread, or a model may have begun with it."""


class BackendError(TurnoutError):
    """A model that was asked and did not answer.

    `retry_after_s` is how long its provider asks to wait, None where it does not say.
    `extent` is how far the prompt got before any text came, as far as whoever raises this can know.
    """

    remedy: Remedy = "fall_back"
    extent: Extent = "taken"

    def __init__(
        self,
        message: str,
        *,
        advice: str = "",
        remedy: Remedy | None = None,
        retry_after_s: float | None = None,
        extent: Extent | None = None,
    ) -> None:
        super().__init__(message, advice=advice)
        self.remedy = self.remedy if remedy is None else remedy
        self.extent = self.extent if extent is None else extent
        self.retry_after_s = retry_after_s


class EngineMissing(BackendError):
    """The package that runs local models is not installed."""

    extent: Extent = "unsent"


class WorkerUnavailable(BackendError):
    """The worker cannot be started or reached."""

    extent: Extent = "unsent"


class WorkerCrashed(BackendError):
    """The worker died while it answered."""


class KeyMissing(BackendError):
    """A remote model without its key."""

    extent: Extent = "unsent"


class Unauthorized(BackendError):
    """The key was refused; another model in its place would only hide that."""

    remedy = "stop"
    extent: Extent = "refused"


class OutOfCredit(BackendError):
    """The account cannot pay for the request."""

    extent: Extent = "refused"


class RateLimited(BackendError):
    """Too many requests."""

    remedy = "retry"
    extent: Extent = "refused"


class Overloaded(BackendError):
    """The provider is down or overloaded."""

    remedy = "retry"


class RequestRejected(BackendError):
    """The provider will not take this request as it is."""


class ModelFailed(RequestRejected):
    """A local `model` that cannot be loaded, or that fails to run; the message is its engine's."""

    def __init__(self, message: str, *, model: str, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.model = model


class SecretsFound(RequestRejected):
    """A prompt with secrets in it, where the settings block those from leaving the machine."""

    extent: Extent = "unsent"


class RedactionLost(RequestRejected):
    """An answer in which the placeholder of a secret is spoiled, so that the secret cannot be put back."""


class ConnectionFailed(BackendError):
    """No connection."""

    extent: Extent = "unsent"


class ConnectionLost(ConnectionFailed):
    """A connection that broke before the first byte of an answer, maybe after the whole request was sent."""

    extent: Extent = "taken"


class CircuitOpen(BackendError):
    """An endpoint that failed several times in a row and is left alone for a while."""

    extent: Extent = "unsent"


class BudgetExceeded(BackendError):
    """A budget has no room for what the request may cost; one that stays on this machine costs nothing."""

    extent: Extent = "unsent"


class DeadlineExceeded(BackendError):
    """No answer in time."""


class StreamTruncated(BackendError):
    """The stream ended without its terminal event."""

    remedy = "retry"


class ProtocolViolation(BackendError):
    """Bytes that are not the protocol."""


class GitFailed(TurnoutError):
    """git cannot be run here, or says no."""


class EditError(TurnoutError):
    """A model's reply that cannot become an edit."""


class ReplyUnusable(EditError):
    """No well-formed edit in the reply."""


class ReplyCutOff(ReplyUnusable):
    """The reply ran into its limit: it would do so again, unless less is asked for."""


class EditUnmatched(EditError):
    """The text to replace is not in the file."""


class EditAmbiguous(EditError):
    """The text to replace is in the file more than once."""


class PathRefused(EditError):
    """A path outside what the request may touch."""


class PlaceTaken(PathRefused):
    """A path that another file has, or leaves no room for."""


class FileUnusable(EditError):
    """A file that is not UTF-8 text of a sensible size."""


class FileWithheld(FileUnusable):
    """A file that its user keeps from every model."""


class DocumentStale(EditError):
    """A file that changed since the edit was made."""


class ProposalUnknown(EditError):
    """No such proposal, or it was already used."""


class FolderBusy(EditError):
    """Another process is changing files of the folder."""


class CutOffInEditor(EditError):
    """A crash cut off what an editor was doing; texts that are not saved are known to an editor only."""


class Unrecorded(EditError):
    """The journal cannot be written, so nothing may be changed: a crash could not be recovered from."""
