from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest

import caloserve_client
from caloserve.calorimeter import CaloServeError
from caloserve_client import errors

if TYPE_CHECKING:
    from tests.clients.conftest import FakeServer


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, errors.RequestRejectedError),
        (grpc.StatusCode.NOT_FOUND, errors.NotFoundError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.OverloadedError),
        (grpc.StatusCode.UNIMPLEMENTED, errors.NotImplementedByServerError),
        (grpc.StatusCode.UNAVAILABLE, errors.UnavailableError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.DeadlineExceededError),
        (grpc.StatusCode.INTERNAL, errors.ServerFailedError),
        (grpc.StatusCode.DATA_LOSS, errors.ServerFailedError),
    ],
)
async def test_every_status_has_its_exception(
    server: FakeServer, code: grpc.StatusCode, kind: type[errors.ClientError]
) -> None:
    server.fail = code, "energies_gev[3]: is odd"
    with caloserve_client.CaloServeClient(server.target) as client:
        with pytest.raises(kind, match=r"energies_gev\[3\]: is odd"):
            client.generate_showers("eplus", [1.0])
        with pytest.raises(kind, match=r"energies_gev\[3\]: is odd"):
            list(client.iter_showers("eplus", [1.0]))
    async with caloserve_client.AsyncCaloServeClient(server.target) as other:
        with pytest.raises(kind, match=r"energies_gev\[3\]: is odd"):
            await other.generate_showers("eplus", [1.0])


def test_an_error_without_a_status_is_the_servers() -> None:
    assert isinstance(errors.client_error(grpc.RpcError("odd"), "here"), errors.ServerFailedError)


def test_one_root() -> None:
    exported = [getattr(caloserve_client, name) for name in caloserve_client.__all__ if name.endswith("Error")]
    exceptions = [kind for kind in exported if issubclass(kind, Exception)]
    assert len(exceptions) == 15
    assert all(issubclass(kind, CaloServeError) for kind in exceptions)


def test_a_missing_extra_names_its_command() -> None:
    assert 'pip install "caloserve[hdf5]"' in str(errors.ExtraMissingError("writing HDF5", "hdf5"))
