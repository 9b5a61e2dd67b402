"""What the router sees: events, their particles, and the generators behind it."""

from typing import Final

from boards.dashboard import Dashboard, Panel, Query, Unit

_OBJECTIVES: Final = (
    Panel(
        "Error budget burn, fast",
        "1 uses up the month's budget exactly; a page from 14.4 over an hour.",
        Unit.NUMBER,
        [
            Query("slo:caloserve_burn:rate5m", "{{slo}}, 5 minutes"),
            Query("slo:caloserve_burn:rate1h", "{{slo}}, 1 hour"),
        ],
    ),
    Panel(
        "Error budget burn, slow",
        "A page from 6 over 6 hours, a ticket from 1 over 3 days.",
        Unit.NUMBER,
        [
            Query("slo:caloserve_burn:rate6h", "{{slo}}, 6 hours"),
            Query("slo:caloserve_burn:rate3d", "{{slo}}, 3 days"),
        ],
    ),
)

_EVENTS: Final = (
    Panel(
        "Events",
        "Events made, or parts of events that are streamed, in a second.",
        Unit.PER_SECOND,
        [Query("sum(rate(caloserve_router_event_seconds_count[$__rate_interval]))", "events and parts")],
        width=8,
    ),
    Panel(
        "Particles in an event",
        "Mean number in an event or a part.",
        Unit.COUNT,
        [
            Query(
                "sum(rate(caloserve_router_particles_total[$__rate_interval]))"
                " / sum(rate(caloserve_router_event_seconds_count[$__rate_interval]))",
                "particles",
            )
        ],
        width=8,
    ),
    Panel(
        "Time until an event is made",
        "By all its generators, side by side; the objective is 99 % within 0.25 s.",
        Unit.SECONDS,
        [
            Query(
                f"histogram_quantile({q}, sum by (le) (rate(caloserve_router_event_seconds_bucket[$__rate_interval])))",
                label,
            )
            for label, q in {"p50": 0.5, "p95": 0.95, "p99": 0.99}.items()
        ],
        width=8,
        logarithmic=True,
    ),
    Panel(
        "Particles, by what became of them",
        "Anything but ok has its reason in the answer.",
        Unit.PER_SECOND,
        [Query("sum by (status) (rate(caloserve_router_particles_total[$__rate_interval]))", "{{status}}")],
        stacked=True,
    ),
    Panel(
        "Calls refused by the router",
        "By gRPC status code, all methods together.",
        Unit.PER_SECOND,
        [Query("sum by (code) (rate(caloserve_router_refusals_total[$__rate_interval]))", "{{code}}")],
    ),
    Panel(
        "Calls to the router",
        "Calls that ended, by method.",
        Unit.PER_SECOND,
        [Query("sum by (method) (rate(caloserve_router_call_seconds_count[$__rate_interval]))", "{{method}}")],
    ),
    Panel(
        "Calls under way",
        "In the router, by method.",
        Unit.COUNT,
        [Query("sum by (method) (caloserve_router_calls_in_flight)", "{{method}}")],
    ),
)

_GENERATORS: Final = (
    Panel(
        "Time until a generator answers",
        "As the router sees it, calls that ended well.",
        Unit.SECONDS,
        [
            Query(
                f"histogram_quantile({q}, sum by (particle, le)"
                ' (rate(caloserve_router_backend_seconds_bucket{code="OK"}[$__rate_interval])))',
                f"{{{{particle}}}} {label}",
            )
            for label, q in {"p50": 0.5, "p99": 0.99}.items()
        ],
        logarithmic=True,
    ),
    Panel(
        "Calls to generators under way",
        "From the router.",
        Unit.COUNT,
        [Query("sum by (particle) (caloserve_router_backend_calls_in_flight)", "{{particle}}")],
    ),
    Panel(
        "Failures of generators",
        "Calls that ended with another status than OK.",
        Unit.PER_SECOND,
        [Query("sum by (particle) (rate(caloserve_router_backend_failures_total[$__rate_interval]))", "{{particle}}")],
    ),
    Panel(
        "Share of calls to generators that fail",
        "Over 5 minutes.",
        Unit.SHARE,
        [Query("particle:caloserve_router_backend_failures:ratio5m", "{{particle}}")],
    ),
)

BOARD: Final = Dashboard(
    "caloserve-events",
    "CaloServe / Events",
    "What the router sees: objectives, events, their particles, and the generators behind it.",
    [("Objectives", _OBJECTIVES), ("Events", _EVENTS), ("Generators", _GENERATORS)],
)
