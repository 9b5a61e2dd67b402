"""How much is made, how full the services are, and what fails."""

from typing import Final

from boards.dashboard import Dashboard, Panel, Query, Unit

_SHOWERS: Final = "particle_release_status:caloserve_showers:rate5m"

_THROUGHPUT: Final = (
    Panel(
        "Showers made",
        "Over 5 minutes, by kind and release; dashed, those that were asked for and not made.",
        Unit.PER_SECOND,
        [
            Query(
                f'sum by (particle, release) ({_SHOWERS}{{status=~"ok|extrapolated"}})',
                "{{particle}} {{release}}",
            ),
            Query(
                f'sum by (particle) ({_SHOWERS}{{status!~"ok|extrapolated"}})',
                "{{particle}} not made",
                dashed=True,
            ),
        ],
    ),
    Panel(
        "Cells sent",
        "Bytes of cells in the generators' answers, and of answers that went through the router unread.",
        Unit.BYTES_PER_SECOND,
        [
            Query("sum by (particle) (rate(caloserve_answer_bytes_total[$__rate_interval]))", "{{particle}}"),
            Query(
                "sum by (particle) (rate(caloserve_router_passed_bytes_total[$__rate_interval]))",
                "router {{particle}}",
                dashed=True,
            ),
        ],
    ),
)

_SATURATION: Final = (
    Panel(
        "Engine use",
        "Share of the time in which batches are drawn and run; at 1 the engine never rests, and answers queue.",
        Unit.SHARE,
        [Query("instance_particle_release:caloserve_engine_busy:ratio5m", "{{particle}} {{release}} at {{instance}}")],
    ),
    Panel(
        "Batch fill",
        "Showers over rows that the engine ran for them; the rest is padding to the sizes that agree to the bit.",
        Unit.SHARE,
        [Query("particle_release:caloserve_batch_fill:ratio5m", "{{particle}} {{release}}")],
    ),
    Panel(
        "Showers per batch",
        "Mean over 5 minutes; grows when calls come faster than the engine ends batches, and ride together.",
        Unit.COUNT,
        [Query("particle_release:caloserve_batch_showers:mean5m", "{{particle}} {{release}}")],
    ),
    Panel(
        "Showers waiting",
        "For the engine; a call that would make them more than showers_waiting (8192) is refused.",
        Unit.COUNT,
        [Query("caloserve_rows_waiting", "{{particle}} {{release}} at {{instance}}")],
    ),
    Panel(
        "Calls under way",
        "In the generators and in the router.",
        Unit.COUNT,
        [
            Query("sum by (particle) (caloserve_calls_in_flight)", "{{particle}}"),
            Query("sum(caloserve_router_calls_in_flight)", "router", dashed=True),
        ],
    ),
    Panel(
        "Processor time",
        "Cores that each process keeps busy.",
        Unit.COUNT,
        [Query("rate(process_cpu_seconds_total[$__rate_interval])", "{{service}} at {{instance}}")],
    ),
    Panel(
        "Memory",
        "Resident memory of each process.",
        Unit.BYTES,
        [Query("process_resident_memory_bytes", "{{service}} at {{instance}}")],
    ),
    Panel(
        "Open files",
        "File descriptors of each process, connections among them.",
        Unit.COUNT,
        [Query("process_open_fds", "{{service}} at {{instance}}")],
    ),
)

_ERRORS: Final = (
    Panel(
        "Calls refused by generators",
        "By gRPC status code, all kinds together.",
        Unit.PER_SECOND,
        [Query("sum by (code) (rate(caloserve_refusals_total[$__rate_interval]))", "{{code}}")],
    ),
    Panel(
        "Share of calls refused",
        "By kind of particle, over 5 minutes.",
        Unit.SHARE,
        [Query("particle:caloserve_refusals:ratio5m", "{{particle}}")],
    ),
    Panel(
        "Never made",
        "Calls, or chunks of streams: refused for want of room, or dropped in the line as caller or deadline had gone.",
        Unit.PER_SECOND,
        [
            Query(
                "sum by (particle, reason) (rate(caloserve_dropped_entries_total[$__rate_interval]))",
                "{{particle}} {{reason}}",
            )
        ],
    ),
    Panel(
        "Showers held back",
        "The model made a cell that is negative or not a number; none of these left a service.",
        Unit.PER_SECOND,
        [
            Query(
                "sum by (particle, release, reason) (rate(caloserve_dropped_showers_total[$__rate_interval]))",
                "{{particle}} {{release}} {{reason}}",
            )
        ],
    ),
    Panel(
        "Services that Prometheus reaches",
        "Processes that answer, and generators among them that serve.",
        Unit.COUNT,
        [
            Query('sum by (service) (up{job=~"generators|router"})', "{{service}} up"),
            Query("sum by (particle) (caloserve_serving)", "{{particle}} serving", dashed=True),
        ],
    ),
)

_VERSIONS: Final = (
    Panel(
        "Services",
        "Version of each generator's code and settings.",
        Unit.NUMBER,
        [Query("caloserve_service_info", "")],
        table=("particle", "instance", "service_version", "default_release"),
    ),
    Panel(
        "Releases",
        "What runs each release, and how far its bits are the same.",
        Unit.NUMBER,
        [Query("caloserve_release_info", "")],
        table=(
            "particle",
            "instance",
            "release",
            "model_sha256",
            "onnxruntime_version",
            "execution_provider",
            "threads",
            "determinism",
            "instruction_set",
        ),
    ),
)

BOARD: Final = Dashboard(
    "caloserve-saturation",
    "CaloServe / Saturation and errors",
    "How much is made, how full the services are, what fails, and which versions are in service.",
    [
        ("Throughput", _THROUGHPUT),
        ("Saturation", _SATURATION),
        ("Errors", _ERRORS),
        ("In service", _VERSIONS),
    ],
)
