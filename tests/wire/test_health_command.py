from click.testing import CliRunner

from caloserve.calorimeter.errors import NotServingError
from caloserve.stack.stack import Stack
from caloserve.wire.health_command import health


def test_a_serving_router_and_generator_are_told(stack: Stack) -> None:
    for server in stack.processes:
        result = CliRunner().invoke(health, ["--address", server.address])
        assert (result.exit_code, result.output) == (0, "SERVING\n")


def test_an_unknown_service_and_an_absent_server_are_errors(stack: Stack) -> None:
    for arguments in (
        ["--address", stack.router.address, "--service", "no.such.Service"],
        ["--address", "127.0.0.1:1"],
    ):
        result = CliRunner().invoke(health, [*arguments, "--timeout", "1"])
        assert isinstance(result.exception, NotServingError)
        assert result.exit_code != 0
