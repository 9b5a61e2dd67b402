"""Settings of the connection that both clients use."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import grpc

from caloserve_client.errors import client_error

ChannelOptions: TypeAlias = Sequence[tuple[str, Any]]

DEFAULT_TIMEOUT = 60.0
"""Seconds."""

_DEFAULTS: ChannelOptions = (
    # A server may have larger limits than gRPC's default of 4 MiB.
    ("grpc.max_receive_message_length", 16 * 2**20),
    # Where $http_proxy is set, as on many clusters, gRPC would look for its servers behind it, even on this machine.
    ("grpc.enable_http_proxy", 0),
)


def channel_options(options: ChannelOptions) -> ChannelOptions:
    """The client's own settings, then the caller's, which win."""
    given = {name for name, _ in options}
    return [*(option for option in _DEFAULTS if option[0] not in given), *options]


@contextmanager
def errors_of(target: str) -> Iterator[None]:
    """Raise what gRPC raises as the client's exceptions."""
    try:
        yield
    except grpc.RpcError as error:
        raise client_error(error, target) from error
