"""Why a shower was not made, in the contract's words."""

from typing import Final, cast

from caloserve.v1 import shower_pb2

_REASON_BYTES: Final = 500
"""A thousand reasons fit an answer beside the showers."""


def shower_error(row: int, status: int, reason: str) -> shower_pb2.ShowerError:
    """The error of a row, its reason cut to what an answer has room for."""
    cut = reason.encode()[:_REASON_BYTES].decode(errors="ignore")
    return shower_pb2.ShowerError(row=row, status=cast("shower_pb2.ShowerStatus", int(status)), message=cut)
