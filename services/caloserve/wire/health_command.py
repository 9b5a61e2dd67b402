"""``caloserve health``: ask a service whether it serves."""

import click
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from caloserve.calorimeter.errors import NotServingError
from caloserve.wire.channels import CHANNEL_OPTIONS


@click.command(short_help="Ask a service whether it serves.")
@click.option("--address", required=True, help="HOST:PORT or unix:PATH of a generator or router.")
@click.option("--service", default="", help="Full name of one gRPC service; by default the whole server.")
@click.option(
    "--timeout",
    "timeout_s",
    default=3.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds to wait for the answer.",
)
def health(address: str, service: str, timeout_s: float) -> None:
    """Ask the standard gRPC health service once; exit status 0 means SERVING."""
    with grpc.insecure_channel(address, CHANNEL_OPTIONS) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=timeout_s
            )
        except grpc.RpcError as error:
            raise NotServingError(f"{address}: {error.code().name}: {error.details()}") from error
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise NotServingError(f"{address}: {status}")
    click.echo(status)
