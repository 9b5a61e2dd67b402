"""gRPC status codes for the project's errors."""

import logging

import grpc

from caloserve.calorimeter.errors import (
    CaloServeError,
    DeadlineError,
    InvalidRequestError,
    LimitExceededError,
    NotBuiltError,
    NotFoundError,
    NotServingError,
    OverloadedError,
)

log = logging.getLogger(__name__)

_CODES: tuple[tuple[type[CaloServeError], grpc.StatusCode], ...] = (
    (InvalidRequestError, grpc.StatusCode.INVALID_ARGUMENT),
    (NotFoundError, grpc.StatusCode.NOT_FOUND),
    (LimitExceededError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (NotBuiltError, grpc.StatusCode.UNIMPLEMENTED),
    (NotServingError, grpc.StatusCode.UNAVAILABLE),
    (OverloadedError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (DeadlineError, grpc.StatusCode.DEADLINE_EXCEEDED),
)


def status_code(error: CaloServeError) -> grpc.StatusCode:
    """The gRPC status that tells the truth about ``error``."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)


def truthful_status(error: BaseException) -> tuple[grpc.StatusCode, str]:
    """Status and message that tell a caller the truth about ``error``; one that nobody raised on purpose is logged."""
    if isinstance(error, CaloServeError):
        code = status_code(error)
        if code is grpc.StatusCode.INTERNAL:
            log.error("a request failed", exc_info=error)
        return code, str(error)
    if isinstance(error, grpc.aio.AioRpcError):  # a call to another service failed
        return error.code(), error.details() or ""
    log.error("a request failed", exc_info=error)
    return grpc.StatusCode.INTERNAL, "internal error; the service's log says more"
