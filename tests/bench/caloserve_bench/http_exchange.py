"""A bare HTTP/1.1 client: prepared bytes out, a body of known length back, the connection kept."""

import asyncio

from caloserve_bench.clients import Exchange
from caloserve_bench.load import FailedError

_ROOM_BYTES = 4 * 2**20


def post(address: str, path: str, content_type: str, body: bytes) -> bytes:
    """A whole request."""
    head = f"POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode("ascii") + b"\r\n" + body


def http_exchange(address: str) -> Exchange:
    """Requests over one connection, opened anew when the server has closed it for want of use."""
    host, _, port = address.rpartition(":")
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def exchange(request: bytes) -> bytes:
        nonlocal streams
        if streams is not None:
            try:
                return await _exchange(*streams, request)
            except (asyncio.IncompleteReadError, ConnectionError):
                streams[1].close()
        streams = await asyncio.open_connection(host, int(port), limit=_ROOM_BYTES)
        return await _exchange(*streams, request)

    return exchange


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
    body = await reader.readexactly(int(fields[b"content-length"]))
    if not head.startswith(b"HTTP/1.1 200"):
        raise FailedError(f"{head.splitlines()[0]!r}: {body[:200]!r}")
    return body
