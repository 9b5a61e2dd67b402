"""Events asked again and again while something happens to the services."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc

from caloserve.calorimeter import PARTICLES
from caloserve.v1 import event_pb2, event_pb2_grpc, shower_pb2


class Load:
    """Events of one particle of each kind, from four callers at once, and how they end."""

    def __init__(self, port: int) -> None:
        self.statuses: Counter[tuple[str, str]] = Counter()
        self.failed_calls: Counter[str] = Counter()
        self.reasons: Counter[tuple[str, str]] = Counter()
        self.versions: Counter[tuple[str, str]] = Counter()
        self.longest_s = 0.0
        self._port = port
        self._lock = threading.Lock()
        self._ended = threading.Event()

    @contextmanager
    def running(self) -> Iterator["Load"]:
        callers = [threading.Thread(target=self._call_on_and_on) for _ in range(4)]
        for caller in callers:
            caller.start()
        try:
            yield self
        finally:
            self._ended.set()
            for caller in callers:
                caller.join()

    def failures(self, *particles: str) -> int:
        return sum(count for (name, end), count in self.statuses.items() if name in particles and end != "OK")

    def __str__(self) -> str:
        ends = ", ".join(f"{name} {end} {count}" for (name, end), count in sorted(self.statuses.items()))
        return f"{ends}; calls failed {sum(self.failed_calls.values())}; longest {self.longest_s:.2f} s"

    def _call_on_and_on(self) -> None:
        with grpc.insecure_channel(f"127.0.0.1:{self._port}", [("grpc.enable_http_proxy", 0)]) as channel:
            stub = event_pb2_grpc.EventServiceStub(channel)
            while not self._ended.wait(0.02):
                began = time.monotonic()
                try:
                    answer = stub.GenerateEvent(mixed_event(), timeout=20)
                except grpc.RpcError as error:
                    with self._lock:
                        self.failed_calls[error.code().name] += 1
                    continue
                with self._lock:
                    self.longest_s = max(self.longest_s, time.monotonic() - began)
                    for particle, status in zip(PARTICLES.values(), answer.showers.statuses, strict=True):
                        end = shower_pb2.ShowerStatus.Name(status).removeprefix("SHOWER_STATUS_")
                        self.statuses[particle.name, end] += 1
                    for refused in answer.showers.errors:
                        self.reasons[shower_pb2.ShowerStatus.Name(refused.status), refused.message] += 1
                    for maker in answer.makers:
                        self.versions[maker.provenance.particle, maker.provenance.service_version] += 1


def mixed_event() -> event_pb2.GenerateEventRequest:
    particles = [event_pb2.Particle(pdg_id=particle.pdg_id, kinetic_energy_gev=10.0) for particle in PARTICLES.values()]
    return event_pb2.GenerateEventRequest(seed=7, event_id=1, particles=particles)


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.3)
