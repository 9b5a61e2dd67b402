"""How long answers take, and where the time goes."""

from typing import Final

from boards.dashboard import Dashboard, Panel, Query, Unit

_QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_STAGES: Final = {
    "queue": "Waiting for the engine: grows when there is more to do than one engine can.",
    "sampling": "Turning random streams into normals, in all the batches that an answer rode in.",
    "inference": "Running the model in ONNX Runtime, in all the batches that an answer rode in.",
    "encode": "Writing cells and provenance into the answer.",
}


def _stage(name: str, description: str) -> Panel:
    buckets = f"sum by (particle, le) (rate(caloserve_{name}_seconds_bucket[$__rate_interval]))"
    return Panel(
        f"{name.capitalize()} time",
        description,
        Unit.SECONDS,
        [Query(f"histogram_quantile({q}, {buckets})", f"{{{{particle}}}} {label}") for label, q in _QUANTILES.items()],
        logarithmic=True,
    )


def _answer(label: str) -> Panel:
    return Panel(
        f"Answer time, {label}",
        "From the order to the encoded answer, or to a chunk of a stream, over 5 minutes.",
        Unit.SECONDS,
        [Query(f"particle_release:caloserve_answer_seconds:{label}", "{{particle}} {{release}}")],
        width=8,
        logarithmic=True,
    )


_SHARES: Final = Panel(
    "Where an answer's time goes",
    "Mean time per answer in each stage, all kinds of particle together.",
    Unit.SECONDS,
    [
        Query(
            f"sum(rate(caloserve_{stage}_seconds_sum[$__rate_interval]))"
            f" / sum(rate(caloserve_{stage}_seconds_count[$__rate_interval]))",
            stage,
        )
        for stage in _STAGES
    ],
    stacked=True,
)

_CALLS: Final = Panel(
    "Whole calls, p99",
    "Calls that ended well, as the generators see them and as the router does; a stream counts until its end.",
    Unit.SECONDS,
    [
        Query("particle_method:caloserve_call_seconds:p99", "{{particle}} {{method}}"),
        Query("method:caloserve_router_call_seconds:p99", "router {{method}}", dashed=True),
    ],
    logarithmic=True,
)

BOARD: Final = Dashboard(
    "caloserve-latency",
    "CaloServe / Latency",
    "How long answers take by particle and release, and where the time goes.",
    [
        ("Answers, by particle and release", [_answer(label) for label in _QUANTILES]),
        ("Where the time goes", [_SHARES, _CALLS]),
        ("Stages, by particle", [_stage(name, description) for name, description in _STAGES.items()]),
    ],
)
