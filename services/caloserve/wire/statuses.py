"""gRPC status codes for the project's errors."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

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


@asynccontextmanager
async def truthful_status(
    context: "grpc.aio.ServicerContext[Any, Any]", observe: Callable[[grpc.StatusCode], None]
) -> AsyncIterator[None]:
    """End the call with the status that fits an error raised inside; tell ``observe`` how the call ended."""
    try:
        yield
    except CaloServeError as error:
        code, details = status_code(error), str(error)
        if code is grpc.StatusCode.INTERNAL:
            log.exception("a request failed")
    except grpc.aio.AioRpcError as error:  # a call to another service failed
        code, details = error.code(), error.details() or ""
    except (asyncio.CancelledError, GeneratorExit):
        observe(grpc.StatusCode.CANCELLED)
        raise
    except Exception:
        code, details = grpc.StatusCode.INTERNAL, "internal error; the service's log says more"
        log.exception("a request failed")
    else:
        observe(grpc.StatusCode.OK)
        return
    observe(code)
    await context.abort(code, details)
