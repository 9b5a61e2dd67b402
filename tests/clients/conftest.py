# ruff: noqa: N802 (messages of many kinds; gRPC's method names)
"""A server that answers as the contract says, with made-up showers, on the loopback interface."""

import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from caloserve.calorimeter import CALOGAN, PARTICLES, latents
from caloserve.calorimeter.particles import PARTICLES_BY_PDG_ID
from caloserve.v1 import event_pb2, event_pb2_grpc, generator_pb2, generator_pb2_grpc, geometry_pb2, shower_pb2
from caloserve.wire.tensors import write_cells
from caloserve_client import CaloServeClient

CHUNK = 512
Cells = NDArray[np.float32]


def provenance(name: str, seed: int, event_id: int) -> shower_pb2.Provenance:
    return shower_pb2.Provenance(
        particle=name,
        service_version="0.1.0",
        release_version="0.1.0",
        model_sha256=64 * "a",
        training_data_sha256=64 * "b",
        geometry_id=CALOGAN.id,
        sampler_version=1,
        execution_provider="CPUExecutionProvider",
        onnxruntime_version="1.30.0",
        instruction_set="AVX2",
        determinism=shower_pb2.DETERMINISM_CLASS_BITWISE,
        seed=seed,
        event_id=event_id,
    )


class FakeServer(event_pb2_grpc.EventServiceServicer, generator_pb2_grpc.ShowerGeneratorServiceServicer):
    """Showers are fixed functions of seed, event, index and energy; energies outside 1 to 100 GeV are refused.

    Where energy is to be conserved, every third index takes 1, 2 and 3 draws, or fails where it may not.

    ``tamper`` may change any answer before it is sent, ``fail`` any call's status; ``calls`` counts calls by method.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.requests: list[Any] = []
        self.limits = generator_pb2.Limits(showers_per_call=1536, showers_per_stream=100_000, showers_per_chunk=CHUNK)
        self.tamper: Callable[[Any], None] = lambda _answer: None
        self.fail: tuple[grpc.StatusCode, str] | None = None
        self.target = ""

    def batch(
        self, pdg_ids: Sequence[int], energies: Sequence[float], indices: Sequence[int], request: Any
    ) -> tuple[shower_pb2.ShowerBatch, Cells]:
        """A batch of showers without its tensor, and their cells."""
        given = np.array(energies, dtype=np.float32)
        conserve = request.options.energy_policy == shower_pb2.ENERGY_POLICY_CONSERVE
        needed = np.array([1 + (index % 3) * conserve for index in indices], dtype=np.uint32)
        attempts = np.minimum(needed, request.options.max_attempts or 100)
        cells = np.maximum(latents(request.seed, request.event_id, list(indices), attempts - 1, CALOGAN.cells), 0)
        cells *= (given / np.float32(CALOGAN.cells))[:, np.newaxis]
        batch = shower_pb2.ShowerBatch()
        for row, (pdg_id, energy) in enumerate(zip(pdg_ids, given, strict=True)):
            status, message = shower_pb2.SHOWER_STATUS_OK, ""
            if pdg_id not in PARTICLES_BY_PDG_ID:
                status, message = shower_pb2.SHOWER_STATUS_UNKNOWN_PARTICLE, f"nothing serves {pdg_id}"
            elif not energy > 0:
                status, message = shower_pb2.SHOWER_STATUS_INVALID_ENERGY, "not positive"
            elif not 1 <= energy <= 100:
                status, message = shower_pb2.SHOWER_STATUS_OUT_OF_DOMAIN, f"{energy:g} GeV is outside 1 to 100 GeV"
            elif attempts[row] < needed[row]:
                status, message = shower_pb2.SHOWER_STATUS_ENERGY_NOT_CONSERVED, "too much energy each time"
            batch.statuses.append(status)
            if message:
                cells[row] = 0
                batch.errors.append(shower_pb2.ShowerError(row=row, status=status, message=message))
        if conserve:
            batch.attempts[:] = attempts.tolist()
        return batch, cells

    def showers(self, request: generator_pb2.GenerateShowersRequest, rows: slice) -> Any:
        energies = request.energies_gev[rows]
        indices = request.indices[rows] or range(len(request.energies_gev))[rows]
        pdg_id = PARTICLES[request.particle].pdg_id
        batch, cells = self.batch(len(energies) * [pdg_id], energies, list(indices), request)
        write_cells(batch.cells_mev, cells, CALOGAN, request.options.encoding)
        return generator_pb2.GenerateShowersResponse(
            showers=batch,
            provenance=provenance(request.particle, request.seed, request.event_id),
            timings=shower_pb2.Timings(total_ms=1.0),
        )

    def event(self, request: event_pb2.GenerateEventRequest, rows: slice, *, last: bool) -> Any:
        everything = request.particles
        chosen = everything[rows]
        pdg_ids = [particle.pdg_id for particle in chosen]
        energies = [particle.kinetic_energy_gev for particle in chosen]
        indices = list(request.indices or range(len(everything)))[rows]
        batch, cells = self.batch(pdg_ids, energies, indices, request)
        answer = event_pb2.GenerateEventResponse(event_id=request.event_id, showers=batch)
        if request.output != event_pb2.EVENT_OUTPUT_SUM:
            write_cells(answer.showers.cells_mev, cells, CALOGAN, request.options.encoding)
        if request.output != event_pb2.EVENT_OUTPUT_PER_SHOWER and last:
            kinds = [particle.pdg_id for particle in everything]
            whole = [particle.kinetic_energy_gev for particle in everything]
            everywhere = list(request.indices) or range(len(whole))
            _, all_cells = self.batch(kinds, whole, everywhere, request)
            total = all_cells.sum(axis=0, dtype=np.float64).astype(np.float32)
            write_cells(answer.sum_cells_mev, total, CALOGAN, request.options.encoding)
        for pdg_id in set(pdg_ids) & set(PARTICLES_BY_PDG_ID):
            name = PARTICLES_BY_PDG_ID[pdg_id].name
            made_by = provenance(name, request.seed, request.event_id)
            answer.makers.add(provenance=made_by, timings=shower_pb2.Timings(total_ms=2.0))
        answer.timings.total_ms = 3.0
        return answer

    def GenerateShowers(self, request: Any, context: Any) -> Any:
        self._note("GenerateShowers", request, context)
        if len(request.energies_gev) > self.limits.showers_per_call:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "energies_gev: too many for one call")
        return self._tampered(self.showers(request, slice(0, len(request.energies_gev))))

    def GenerateShowersStream(self, request: Any, context: Any) -> Iterator[Any]:
        request = request.request
        self._note("GenerateShowersStream", request, context)
        if len(request.energies_gev) > self.limits.showers_per_stream:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "energies_gev: too many for one stream")
        for start in range(0, len(request.energies_gev), CHUNK):
            chunk = self.showers(request, slice(start, min(start + CHUNK, len(request.energies_gev))))
            yield self._tampered(generator_pb2.GenerateShowersStreamResponse(first_row=start, chunk=chunk))

    def DescribeGenerator(self, request: Any, context: Any) -> Any:
        self._note("DescribeGenerator", request, context)
        if request.particle not in PARTICLES:
            context.abort(grpc.StatusCode.NOT_FOUND, f"particle: {request.particle!r} is not served here")
        return self._tampered(self._description(request.particle))

    def GenerateEvent(self, request: Any, context: Any) -> Any:
        self._note("GenerateEvent", request, context)
        if len(request.particles) > self.limits.showers_per_call:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "particles: too many for one call")
        return self._tampered(self.event(request, slice(0, len(request.particles)), last=True))

    def GenerateEventStream(self, request: Any, context: Any) -> Iterator[Any]:
        request = request.request
        self._note("GenerateEventStream", request, context)
        for start in range(0, len(request.particles), CHUNK):
            stop = min(start + CHUNK, len(request.particles))
            chunk = self.event(request, slice(start, stop), last=stop == len(request.particles))
            yield self._tampered(event_pb2.GenerateEventStreamResponse(first_row=start, chunk=chunk))

    def GenerateEvents(self, request_iterator: Any, context: Any) -> Any:
        del request_iterator
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "not built yet")

    def ListGenerators(self, request: Any, context: Any) -> Any:
        self._note("ListGenerators", request, context)
        answer = event_pb2.ListGeneratorsResponse(limits=self.limits)
        for name in ("eplus", "gamma"):
            answer.generators.add(
                particle=name, state=event_pb2.GENERATOR_STATE_SERVING, description=self._description(name)
            )
        answer.generators.add(
            particle="piplus", state=event_pb2.GENERATOR_STATE_UNREACHABLE, message="connection refused"
        )
        return self._tampered(answer)

    def _note(self, method: str, request: Any, context: Any) -> None:
        self.calls[method] += 1
        self.requests.append(request)
        if self.fail is not None:
            context.abort(*self.fail)

    def _tampered(self, answer: Any) -> Any:
        self.tamper(answer)
        return answer

    def _description(self, name: str) -> generator_pb2.DescribeGeneratorResponse:
        layers = [
            geometry_pb2.Layer(
                index=layer.index,
                n_phi=layer.n_phi,
                n_eta=layer.n_eta,
                cell_phi_mm=layer.cell_phi_mm,
                cell_eta_mm=layer.cell_eta_mm,
                z_min_mm=layer.z_min_mm,
                z_max_mm=layer.z_max_mm,
                offset=layer.offset,
            )
            for layer in CALOGAN.layers
        ]
        release = generator_pb2.Release(
            version="0.1.0",
            model_sha256=64 * "a",
            parameters=1_234_567,
            latent_size=64,
            sampler_version=1,
            geometry=geometry_pb2.Geometry(id=CALOGAN.id, cells=CALOGAN.cells, layers=layers),
            energy_min_gev=1.0,
            energy_max_gev=100.0,
            fidelity=[
                generator_pb2.FidelityFigure(name="auc_cells", value=0.5123, unit="", sample_size=1000),
                generator_pb2.FidelityFigure(
                    name="e_tot_ratio_1_10_gev", value=0.987, reference=1.0, uncertainty=0.012
                ),
            ],
            determinism=shower_pb2.DETERMINISM_CLASS_BITWISE,
            execution_provider="CPUExecutionProvider",
            onnxruntime_version="1.30.0",
        )
        return generator_pb2.DescribeGeneratorResponse(
            particle=name,
            pdg_id=PARTICLES[name].pdg_id,
            service_version="0.1.0",
            default_release="0.1.0",
            releases=[release],
            limits=self.limits,
            energy_policies=[shower_pb2.ENERGY_POLICY_AS_GENERATED],
            domain_policies=[shower_pb2.DOMAIN_POLICY_REFUSE, shower_pb2.DOMAIN_POLICY_FLAG],
        )


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A server that listens, at ``server.target``."""
    fake = FakeServer()
    running = grpc.server(ThreadPoolExecutor(2))
    event_pb2_grpc.add_EventServiceServicer_to_server(fake, running)
    generator_pb2_grpc.add_ShowerGeneratorServiceServicer_to_server(fake, running)
    fake.target = f"127.0.0.1:{running.add_insecure_port('127.0.0.1:0')}"
    running.start()
    yield fake
    running.stop(grace=None).wait()


@pytest.fixture
def client(server: FakeServer) -> Iterator[CaloServeClient]:
    with CaloServeClient(server.target, timeout=10) as connected:
        yield connected


@pytest.fixture(scope="session")
def made_up() -> FakeServer:
    """The same answers without a connection."""
    return FakeServer()


@pytest.fixture
def unused_target() -> str:
    """An address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
