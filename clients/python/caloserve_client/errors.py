"""The client's exceptions.

    CaloServeError
      ClientError                    root of everything below
        RequestRejectedError           a value that can never be served            INVALID_ARGUMENT
        NotFoundError                  no such particle or release                 NOT_FOUND
        OverloadedError                no room now, or more than one call may ask  RESOURCE_EXHAUSTED
        NotImplementedByServerError    known to the contract, not built yet        UNIMPLEMENTED
        UnavailableError               cannot be reached, or has no model          UNAVAILABLE
        DeadlineExceededError          no answer within the timeout                DEADLINE_EXCEEDED
        ServerFailedError              anything else that a server answers
        BadAnswerError                 an answer that does not fit the contract
        NotAskedForError               reading an output that the call did not ask for
        ShowersFailedError             some showers of an answer were not made
        FormatError                    a file that is not what it should be
        ReplayError                    recorded showers that cannot be made again
        ExtraMissingError              an optional package is not installed
        EmbeddedStackError             the embedded stack did not start

Calls are idempotent: a shower depends on its seed, event, index, energy, options and release only. So repeating a call
after OverloadedError, UnavailableError or DeadlineExceededError is always safe.
"""

from __future__ import annotations

from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING

import grpc

from caloserve.calorimeter import CaloServeError

if TYPE_CHECKING:
    from caloserve_client.batches import Batch

_NAMED = 3  # kinds of failure that a message spells out, each with the first shower it befell


class ClientError(CaloServeError):
    """Root of the errors raised by the client."""


class RequestRejectedError(ClientError):
    """Something asked for can never be served; the message names the field, with its index where it has one."""


class NotFoundError(ClientError):
    """No such particle or release there."""


class OverloadedError(ClientError):
    """The server has no room now, or the call asks for more than its limits allow."""


class NotImplementedByServerError(ClientError):
    """The contract knows it, this server does not do it (yet)."""


class UnavailableError(ClientError):
    """The server cannot be reached, or has no model to serve with."""


class DeadlineExceededError(ClientError):
    """No complete answer came within the timeout."""


class ServerFailedError(ClientError):
    """The server failed in a way that says nothing about the request."""


class BadAnswerError(ClientError):
    """The answer does not fit the contract, so nothing in it is used."""


class NotAskedForError(ClientError):
    """An output was read that the call did not ask for."""


class FormatError(ClientError):
    """A file is not what it should be."""


class ReplayError(ClientError):
    """Recorded showers cannot be made again there."""


class ExtraMissingError(ClientError):
    """An optional package is not installed.

    Args:
        what: what needs it.
        extra: the extra of the distribution that brings it.
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f'{what} needs a package that is not installed; run: pip install "caloserve[{extra}]"')
        self.extra = extra


class EmbeddedStackError(ClientError):
    """The embedded stack did not start."""


class ShowersFailedError(ClientError):
    """Some showers of an answer were not made; their cells are zero.

    Args:
        result: the whole answer (``Showers`` or ``Event``), with the showers that were made.
    """

    def __init__(self, result: Batch) -> None:
        first: dict[tuple[str, str], int] = {}
        for error in result.errors:
            first.setdefault((error.status.name, error.message), result.first_row + error.row)
        named = [
            f"{row} {status}" + (f" ({message})" if message else "")
            for (status, message), row in islice(first.items(), _NAMED)
        ]
        more = len(result.errors) - len(named)
        tail = f"; and {more} more" if more else ""
        super().__init__(f"{len(result.errors)} of {len(result)} showers were not made: {'; '.join(named)}{tail}")
        self.result = result


_BY_STATUS = MappingProxyType(
    {
        grpc.StatusCode.INVALID_ARGUMENT: RequestRejectedError,
        grpc.StatusCode.OUT_OF_RANGE: RequestRejectedError,
        grpc.StatusCode.NOT_FOUND: NotFoundError,
        grpc.StatusCode.RESOURCE_EXHAUSTED: OverloadedError,
        grpc.StatusCode.UNIMPLEMENTED: NotImplementedByServerError,
        grpc.StatusCode.UNAVAILABLE: UnavailableError,
        grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    }
)


def client_error(error: grpc.RpcError, target: str) -> ClientError:
    """The client's exception for what gRPC raised when ``target`` was called."""
    if not isinstance(error, grpc.Call | grpc.aio.AioRpcError):  # a bare RpcError says nothing more
        return ServerFailedError(f"{target}: {error}")
    code, details = error.code(), error.details()
    return _BY_STATUS.get(code, ServerFailedError)(f"{target}: {details or code.name}")
