"""Handlers of a service's RPCs: they read requests themselves, and take answers that are bytes already."""

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from caloserve.calorimeter.errors import InvalidRequestError

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


def service_handler(service: ServiceDescriptor, servicer: object) -> grpc.GenericRpcHandler:
    """Handle each RPC of ``service`` with the method of that name.

    A request that cannot be read is answered with INVALID_ARGUMENT; gRPC itself would say UNKNOWN. A method answers
    with a message, or with one that is encoded already.
    """
    handlers = {method.name: _handler(method, getattr(servicer, method.name)) for method in service.methods}
    return grpc.method_handlers_generic_handler(service.full_name, handlers)


def _handler(method: MethodDescriptor, answer: Callable[[Any, Context], Any]) -> Handler:
    kind = GetMessageClass(method.input_type)

    def read(raw: bytes) -> Any:  # noqa: ANN401 (a generated message)
        try:
            return kind.FromString(raw)
        except DecodeError as error:
            raise InvalidRequestError("request", f"is not one of {method.full_name}") from error

    if method.client_streaming:

        async def streams(raw: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
            async for message in answer((read(request) async for request in raw), context):
                yield _encoded(message)

        return grpc.stream_stream_rpc_method_handler(streams)
    if method.server_streaming:

        async def stream(raw: bytes, context: Context) -> AsyncIterator[bytes]:
            async for message in answer(await _request(read, raw, context), context):
                yield _encoded(message)

        return grpc.unary_stream_rpc_method_handler(stream)

    async def unary(raw: bytes, context: Context) -> bytes:
        return _encoded(await answer(await _request(read, raw, context), context))

    return grpc.unary_unary_rpc_method_handler(unary)


async def _request(read: Callable[[bytes], Any], raw: bytes, context: Context) -> Any:  # noqa: ANN401 (a message)
    try:
        return read(raw)
    except InvalidRequestError as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))


def _encoded(message: Any) -> bytes:  # noqa: ANN401 (a generated message, or bytes)
    return message if isinstance(message, bytes) else message.SerializeToString()
