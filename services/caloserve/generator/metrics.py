"""What Prometheus is told about a generator service."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import grpc
from prometheus_client import Gauge, Info
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from caloserve.generator.batcher import DROP_REASONS
from caloserve.generator.engine import instruction_set
from caloserve.generator.physics import ENERGY_BINS_GEV, LivePhysics
from caloserve.generator.service import ServedRelease, Service
from caloserve.generator.showers import Showers
from caloserve.v1 import generator_pb2
from caloserve.wire.observation import SHOWER_STATUSES, Call, Calls, count_statuses, process_registry
from caloserve.wire.series import Count, CountSeries, Durations, DurationSeries

_METHODS: Final = tuple(
    method.name for method in generator_pb2.DESCRIPTOR.services_by_name["ShowerGeneratorService"].methods
)
_STAGES: Final = {
    "answer": "Time to make an answer, or a chunk of a stream, from its order to its encoding",
    "queue": "Time an answer waited for the engine",
    "sampling": "Time to turn random streams into latents, of the batches that an answer rode in",
    "inference": "Time in ONNX Runtime, of the batches that an answer rode in",
    "encode": "Time to encode an answer",
}
_COUNTS: Final = {
    "answer_bytes": "Bytes of answers' cells, before encoding",
    "attempts": "Draws of the showers in answers; more than one each where energy is to be conserved",
}
_SHORT_DIGEST: Final = 12


class GeneratorMetrics:
    """The metrics of one generator process, all labelled with its particle.

    Releases become labels when they are in service, never because a request names them.
    """

    def __init__(self, particle: str) -> None:
        self.registry = process_registry()
        self._particle = particle
        self._calls = Calls("caloserve", _METHODS, self.registry, particle=particle)
        of_release = ["particle", "release"]
        self._stages = {
            stage: DurationSeries(f"caloserve_{stage}_seconds", text, of_release, self.registry)
            for stage, text in _STAGES.items()
        }
        self._counts = {
            name: CountSeries(f"caloserve_{name}", text, of_release, self.registry) for name, text in _COUNTS.items()
        }
        self._showers = CountSeries(
            "caloserve_showers", "Showers by what became of them", [*of_release, "status"], self.registry
        )
        self._dropped = CountSeries(
            "caloserve_dropped_showers", "Showers held back for a bad cell", [*of_release, "reason"], self.registry
        )
        self._serving = Gauge(
            "caloserve_serving", "1 when the releases are loaded and checked", ["particle"], registry=self.registry
        )
        self._releases = Gauge(
            "caloserve_releases_in_service", "Releases in service", ["particle"], registry=self.registry
        )
        self._threads = Gauge(
            "caloserve_engine_threads",
            "Threads of ONNX Runtime within one operator",
            of_release,
            registry=self.registry,
        )
        self._of_release: dict[str, _ReleaseMetrics] = {}
        self._info = Info("caloserve_service", "Versions in service", registry=self.registry)
        self._release_info = Info(
            "caloserve_release", "What runs a release, and how", of_release, registry=self.registry
        )
        for gauge in (self._serving, self._releases):
            gauge.labels(particle).set(0)

    def serving(self, service: Service) -> None:
        """Say which versions are served and what runs them, and start every count at zero."""
        self._info.info(
            {
                "particle": self._particle,
                "service_version": service.settings.service_version,
                "default_release": service.default_release,
            }
        )
        for version, release in service.releases.items():
            self._release_info.labels(self._particle, version).info(_facts(release))
            self._threads.labels(self._particle, version).set(release.engine.threads)
            of_release = (self._particle, version)
            self._of_release[version] = _ReleaseMetrics(
                stages={stage: metric.of(*of_release) for stage, metric in self._stages.items()},
                counts={name: metric.of(*of_release) for name, metric in self._counts.items()},
                showers={status: self._showers.of(*of_release, status) for status in SHOWER_STATUSES},
                dropped={reason: self._dropped.of(*of_release, reason) for reason in ("non_finite", "negative")},
            )
        self.registry.register(BatchCollector(self._particle, service.releases))
        self.registry.register(
            PhysicsCollector(
                self._particle, {version: release.physics for version, release in service.releases.items()}
            )
        )
        self._releases.labels(self._particle).set(len(service.releases))
        self._serving.labels(self._particle).set(1)

    def call(self, method: str, context: "grpc.aio.ServicerContext[Any, Any]") -> Call:
        """Time a call and end it with the status that fits an error raised inside."""
        return self._calls.call(method, context)

    def made(self, release: str, showers: Showers, *, encode_s: float, answer_s: float) -> None:
        """Count the showers of an answer and where its time went."""
        metrics, times = self._of_release[release], showers.times
        metrics.stages["answer"].observe(answer_s)
        metrics.stages["queue"].observe(times.queue)
        metrics.stages["sampling"].observe(times.sampling)
        metrics.stages["inference"].observe(times.inference)
        metrics.stages["encode"].observe(encode_s)
        metrics.counts["answer_bytes"].inc(showers.cells_mev.nbytes)
        metrics.counts["attempts"].inc(int(showers.attempts.sum()))
        order = showers.order
        for status, count in {"ok": len(order)}.items() if order.plain else count_statuses(order.statuses).items():
            metrics.showers[status].inc(count)
        for reason, count in showers.dropped.items():
            metrics.dropped[reason].inc(count)


@dataclass(frozen=True)
class _ReleaseMetrics:
    """The series of one release."""

    stages: Mapping[str, Durations]
    counts: Mapping[str, Count]
    showers: Mapping[str, Count]
    dropped: Mapping[str, Count]


class BatchCollector(Collector):
    """Shows what each release's batcher and engine have done; counting it costs them nothing."""

    def __init__(self, particle: str, releases: Mapping[str, ServedRelease]) -> None:
        self._particle = particle
        self._releases = releases

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        labels = ["particle", "release"]
        waiting = GaugeMetricFamily("caloserve_rows_waiting", "Showers that wait for the engine", labels=labels)
        batches = CounterMetricFamily("caloserve_batches", "Batches that the engine made", labels=labels)
        wanted = CounterMetricFamily("caloserve_rows_wanted", "Showers that were given to the engine", labels=labels)
        run = CounterMetricFamily(
            "caloserve_rows_run", "Rows that the engine ran, padding of batches included", labels=labels
        )
        seconds = CounterMetricFamily("caloserve_batch_seconds", "Time spent sampling and in the engine", labels=labels)
        dropped = CounterMetricFamily(
            "caloserve_dropped_entries", "Calls, or chunks, that were never made, by why", labels=[*labels, "reason"]
        )
        for version, release in self._releases.items():
            where, made = [self._particle, version], release.samplers
            waiting.add_metric(where, release.batcher.waiting)
            batches.add_metric(where, sum(sampler.batches for sampler in made))
            wanted.add_metric(where, sum(sampler.rows for sampler in made))
            run.add_metric(where, sum(sampler.rows_run for sampler in made))
            seconds.add_metric(where, sum(sampler.seconds for sampler in made))
            for reason in DROP_REASONS:
                dropped.add_metric([*where, reason], release.batcher.dropped[reason])
        yield from (waiting, batches, wanted, run, seconds, dropped)


class PhysicsCollector(Collector):
    """Shows each release's live physics when Prometheus asks for it; serving it costs nothing in between."""

    def __init__(self, particle: str, releases: Mapping[str, LivePhysics]) -> None:
        self._particle = particle
        self._releases = releases

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        labels = ["particle", "release", "energy_gev"]
        showers = CounterMetricFamily("caloserve_physics_showers", "Showers looked at", labels=labels)
        labels = [*labels, "quantity"]
        sums = CounterMetricFamily("caloserve_physics_values", "Sum of the quantity over these showers", labels=labels)
        expected = CounterMetricFamily(
            "caloserve_physics_expected_values",
            "The sum that full simulation has at these showers' energies",
            labels=labels,
        )
        reference = GaugeMetricFamily(
            "caloserve_physics_reference", "Full simulation's mean, from the release's manifest", labels=labels
        )
        labels = ["particle", "release"]
        seconds = CounterMetricFamily("caloserve_physics_seconds", "Time spent looking at showers", labels=labels)
        interval = GaugeMetricFamily(
            "caloserve_physics_interval_batches", "One batch in so many is looked at", labels=labels
        )
        for version, physics in self._releases.items():
            release = [self._particle, version]
            seconds.add_metric(release, physics.seconds)
            interval.add_metric(release, physics.interval)
            for column, (low, high) in enumerate(ENERGY_BINS_GEV):
                where = [*release, f"{low}-{high}"]
                showers.add_metric(where, physics.counts[column])
                for row, quantity in enumerate(physics.quantities):
                    sums.add_metric([*where, quantity], physics.sums[row, column])
                    if physics.expects[row]:
                        expected.add_metric([*where, quantity], physics.expected[row, column])
                        reference.add_metric([*where, quantity], physics.reference[row, column])
        yield from (showers, sums, expected, reference, seconds, interval)


def _facts(release: ServedRelease) -> dict[str, str]:
    engine = release.engine
    return {
        "model_sha256": release.manifest.model.sha256[:_SHORT_DIGEST],
        "onnxruntime_version": engine.runtime_version,
        "execution_provider": engine.provider,
        "instruction_set": instruction_set(),
        "determinism": engine.determinism.name.lower(),
        "threads": str(engine.threads),
    }
