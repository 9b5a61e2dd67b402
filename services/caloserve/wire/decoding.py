"""Answers a request that cannot be read as any other bad one, with INVALID_ARGUMENT."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from caloserve.calorimeter.errors import InvalidRequestError

_PACKAGE: Final = "/caloserve."

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class DecodingInterceptor(grpc.aio.ServerInterceptor):
    """Decodes our own services' requests where an error can still be told; gRPC itself would answer UNKNOWN."""

    def __init__(self) -> None:
        self._reading: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], "Awaitable[Handler | None]"],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """The handler of a call, reading its requests itself."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        deserialize: Any = getattr(handler, "request_deserializer", None)  # None where bytes are passed through
        if deserialize is None or not method.startswith(_PACKAGE):
            return handler
        if method not in self._reading:
            self._reading[method] = _reading(handler, _decoder(deserialize, method))
        return self._reading[method]


def _decoder(deserialize: Callable[[bytes], Any], method: str) -> Callable[[bytes], Any]:
    def decode(raw: bytes) -> Any:  # noqa: ANN401 (a generated message)
        try:
            return deserialize(raw)
        except DecodeError as error:
            raise InvalidRequestError("request", f"is not one of {method}") from error

    return decode


def _reading(handler: Any, decode: Callable[[bytes], Any]) -> "Handler":  # noqa: ANN401 (its attributes are not typed)
    serializer = {"response_serializer": handler.response_serializer}
    if handler.stream_stream:

        async def streams(raw: AsyncIterator[bytes], context: Context) -> AsyncIterator[Any]:
            async for answer in handler.stream_stream((decode(message) async for message in raw), context):
                yield answer

        return grpc.stream_stream_rpc_method_handler(streams, **serializer)
    if handler.unary_stream:

        async def stream(raw: bytes, context: Context) -> AsyncIterator[Any]:
            async for answer in handler.unary_stream(await _decoded(decode, raw, context), context):
                yield answer

        return grpc.unary_stream_rpc_method_handler(stream, **serializer)

    async def unary(raw: bytes, context: Context) -> Any:  # noqa: ANN401 (a generated message)
        return await handler.unary_unary(await _decoded(decode, raw, context), context)

    return grpc.unary_unary_rpc_method_handler(unary, **serializer)


async def _decoded(decode: Callable[[bytes], Any], raw: bytes, context: Context) -> Any:  # noqa: ANN401
    try:
        return decode(raw)
    except InvalidRequestError as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
