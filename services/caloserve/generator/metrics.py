"""What Prometheus is told about a generator service."""

import grpc
from prometheus_client import Counter, Histogram, Info

from caloserve.generator.sampler import Showers
from caloserve.generator.service import Service
from caloserve.wire.observation import BUCKETS_S, count_statuses, process_registry


class GeneratorMetrics:
    """The metrics of one generator process, all labelled with its particle."""

    def __init__(self, particle: str) -> None:
        self.registry = process_registry()
        self._particle = particle
        self._stages = {
            stage: Histogram(
                f"caloserve_{stage}_seconds", text, ["particle"], registry=self.registry, buckets=BUCKETS_S
            ).labels(particle)
            for stage, text in (
                ("queue", "Time an answer waited for the engine"),
                ("sampling", "Time to turn random streams into latents, per answer"),
                ("inference", "Time in ONNX Runtime, per answer"),
                ("encode", "Time to encode an answer"),
            )
        }
        self._calls = Histogram(
            "caloserve_call_seconds",
            "Time of a whole call",
            ["particle", "method", "code"],
            registry=self.registry,
            buckets=BUCKETS_S,
        )
        self._showers = Counter(
            "caloserve_showers",
            "Showers by what became of them",
            ["particle", "release", "status"],
            registry=self.registry,
        )
        self._dropped = Counter(
            "caloserve_dropped_showers",
            "Showers held back for a bad cell",
            ["particle", "release", "reason"],
            registry=self.registry,
        )
        self._info = Info("caloserve_service", "Versions in service", registry=self.registry)

    def serving(self, service: Service) -> None:
        """Say which versions are served, and start the counts of bad cells at zero."""
        self._info.info(
            {
                "particle": self._particle,
                "service_version": service.settings.service_version,
                "default_release": service.default_release,
            }
        )
        for version in service.releases:
            for reason in ("non_finite", "negative"):
                self._dropped.labels(self._particle, version, reason)

    def made(self, release: str, showers: Showers, encode_s: float) -> None:
        """Count the showers of an answer and where its time went."""
        self._stages["queue"].observe(showers.queue_s)
        self._stages["sampling"].observe(showers.sampling_s)
        self._stages["inference"].observe(showers.inference_s)
        self._stages["encode"].observe(encode_s)
        for status, count in count_statuses(showers.order.statuses).items():
            self._showers.labels(self._particle, release, status).inc(count)
        for reason, count in showers.dropped.items():
            self._dropped.labels(self._particle, release, reason).inc(count)

    def called(self, method: str, code: grpc.StatusCode, seconds: float) -> None:
        """Count a call, how it ended and how long it took."""
        self._calls.labels(self._particle, method, code.name).observe(seconds)
