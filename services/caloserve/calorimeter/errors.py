"""The exceptions of CaloServe.

    CaloServeError
      RequestError              something is wrong with what was asked; names the field
        InvalidRequestError       a value that can never be served        INVALID_ARGUMENT
        NotFoundError             no such particle or release             NOT_FOUND
        LimitExceededError        more than one call may ask for          RESOURCE_EXHAUSTED
        NotBuiltError             known to the contract, not built yet    UNIMPLEMENTED
      ReleaseError              a release cannot be used
        ManifestError             its manifest is missing or malformed
        ChecksumError             its model is not the one in its manifest
      EngineError               a model cannot be loaded or run
      BadTensorError            a tensor does not hold what it says
      SettingsError             a service's settings are missing or malformed
      NotServingError           the service has no model to serve with    UNAVAILABLE
      OverloadedError           the service has no room for more          RESOURCE_EXHAUSTED
      DeadlineError             the caller's deadline has passed          DEADLINE_EXCEEDED
      StackError                a process of the stack did not start

The clients' exceptions (``caloserve_client.errors``) and the trainer's grow from the same root.
"""

_QUOTED_CHARACTERS = 64


class CaloServeError(Exception):
    """Root of all errors raised on purpose by this project."""


def quoted(text: str) -> str:
    """What a caller sent, as a message may repeat it: in quotes, in ASCII, and not at any length."""
    cut = text if len(text) <= _QUOTED_CHARACTERS else f"{text[:_QUOTED_CHARACTERS]}..."
    return ascii(cut)


class RequestError(CaloServeError):
    """Something is wrong with a request.

    Args:
        field: the field of the request, with its index where it has one, as in ``energies_gev[3]``.
        reason: what is wrong with it.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class InvalidRequestError(RequestError):
    """A value that can never be served."""


class NotFoundError(RequestError):
    """No such particle or release here."""


class LimitExceededError(RequestError):
    """More than one call may ask for."""


class NotBuiltError(RequestError):
    """Known to the contract, not built yet."""


class ReleaseError(CaloServeError):
    """A release cannot be used."""


class ManifestError(ReleaseError):
    """A release's manifest is missing or malformed."""


class ChecksumError(ReleaseError):
    """A release's model is not the one its manifest describes."""


class EngineError(CaloServeError):
    """A model cannot be loaded or run."""


class BadTensorError(CaloServeError):
    """A tensor does not hold what it says."""


class SettingsError(CaloServeError):
    """A service's settings are missing or malformed."""


class NotServingError(CaloServeError):
    """The service has no model to serve with."""


class OverloadedError(CaloServeError):
    """The service has no room for more at the moment."""


class DeadlineError(CaloServeError):
    """The caller's deadline has passed."""


class StackError(CaloServeError):
    """A process of the stack did not start."""
