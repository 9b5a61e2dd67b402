"""How much one call may ask for, and so which call is made."""

from dataclasses import dataclass

from caloserve.v1 import generator_pb2

SHOWERS_PER_CHUNK = 512
"""What any server takes in one call; a larger request needs to know the server's own limits."""

_SHOWERS_PER_CALL = 1536  # 504 cells each: the answer stays within what gRPC receives by default, 4 MiB
_SHOWERS_PER_STREAM = 100_000  # a request of that many energies and indices stays within 4 MB too


@dataclass(frozen=True)
class Limits:
    """A server's limits."""

    showers_per_call: int = SHOWERS_PER_CHUNK
    showers_per_stream: int = SHOWERS_PER_CHUNK
    showers_per_chunk: int = SHOWERS_PER_CHUNK
    max_attempts: int = 0
    """Draws of one shower at most, with ``energy_policy="conserve"``."""

    def fits_one_answer(self, showers: int) -> bool:
        """Whether that many showers may come in one answer."""
        return showers <= min(self.showers_per_call, _SHOWERS_PER_CALL)

    @property
    def stream_size(self) -> int:
        """Most showers to ask for in one stream."""
        return max(1, min(self.showers_per_stream, _SHOWERS_PER_STREAM))


SMALL = Limits()
"""Holds for every server."""


def stream_timeout(timeout: float | None, showers: int) -> float | None:
    """Seconds for a stream: ``timeout`` for every 1536 showers it carries."""
    return None if timeout is None else timeout * -(-max(showers, 1) // _SHOWERS_PER_CALL)


def decode_limits(message: generator_pb2.Limits) -> Limits:
    """The message's fields under the same names."""
    return Limits(message.showers_per_call, message.showers_per_stream, message.showers_per_chunk, message.max_attempts)
