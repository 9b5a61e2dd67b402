"""Live showers beside full simulation."""

from typing import Final

from boards.dashboard import Dashboard, Panel, Query, Unit

_PARTICLES: Final = {"eplus": "e⁺", "gamma": "photon", "piplus": "π⁺"}
_COLOURS: Final = {"1-10 GeV": "blue", "10-30 GeV": "green", "30-60 GeV": "orange", "60-100 GeV": "red"}
_BY: Final = "particle, release, energy_gev"


def _mean(particle: str, quantity: str, title: str) -> Panel:
    chosen = f'{{particle="{particle}", quantity="{quantity}"}}'
    count = f'sum by ({_BY}) (increase(caloserve_physics_showers_total{{particle="{particle}"}}[1h])) > 0'

    def mean(sums: str) -> str:
        total = f"sum by ({_BY}) (increase({sums}{chosen}[1h]))"
        return f"{total} / ({count})"

    return Panel(
        f"{_PARTICLES[particle]}: {title}",
        "Mean over the showers looked at in an hour, by energy in GeV; dashed, full simulation at the same energies.",
        Unit.NUMBER,
        [
            Query(mean("caloserve_physics_values_total"), "{{energy_gev}} GeV, {{release}}"),
            Query(
                mean("caloserve_physics_expected_values_total"),
                "{{energy_gev}} GeV, {{release}}, full simulation",
                dashed=True,
            ),
        ],
        height=9,
        from_zero=False,
        colours=_COLOURS,
    )


def _kind(particle: str) -> tuple[str, list[Panel]]:
    panels = [_mean(particle, "response", "response, E_tot / E")]
    panels += [_mean(particle, f"f_{layer}", f"energy fraction of layer {layer}") for layer in range(3)]
    return _PARTICLES[particle], panels


_REFERENCE: Final = Panel(
    "Full simulation's means in the manifests",
    "Of the default releases and all others in service; over the manifest's own energies in each range.",
    Unit.NUMBER,
    [Query(f"max by ({_BY}, quantity) (caloserve_physics_reference)", "")],
    width=24,
    table=("particle", "release", "energy_gev", "quantity", "Value"),
)

_DRIFT: Final = (
    Panel(
        "Shift from full simulation: response",
        "Live mean minus full simulation's at the same energies; alerts from 0.02 (π⁺: 0.10) with 1000 showers.",
        Unit.NUMBER,
        [
            Query(
                'particle_release_energy_quantity:caloserve_physics:shift1h{quantity="response"}',
                "{{particle}} {{release}}, {{energy_gev}} GeV",
            )
        ],
        from_zero=False,
    ),
    Panel(
        "Shift from full simulation: layer fractions",
        "Live mean minus full simulation's at the same energies; alerts from 0.05 with 1000 showers.",
        Unit.NUMBER,
        [
            Query(
                'particle_release_energy_quantity:caloserve_physics:shift1h{quantity=~"f_.*"}',
                "{{particle}} {{release}} {{quantity}}, {{energy_gev}} GeV",
            )
        ],
        from_zero=False,
    ),
    Panel(
        "Showers looked at",
        "In the last hour, by energy.",
        Unit.COUNT,
        [
            Query(
                "particle_release_energy:caloserve_physics_showers:increase1h",
                "{{particle}} {{release}}, {{energy_gev}} GeV",
            )
        ],
    ),
    Panel(
        "Cost of looking",
        "Time spent looking at showers over the time spent making them; one batch in N is chosen to keep it below 2 %.",
        Unit.SHARE,
        [
            Query(
                "sum by (particle) (rate(caloserve_physics_seconds_total[$__rate_interval]))"
                " / sum by (particle) (rate(caloserve_batch_seconds_total[$__rate_interval]))",
                "{{particle}}",
            )
        ],
    ),
    Panel(
        "Acceptance",
        "Showers over draws, 5 minutes; below 1 where callers have energy conserved and draws exceed it.",
        Unit.SHARE,
        [Query("particle_release:caloserve_acceptance:ratio5m", "{{particle}} {{release}}")],
    ),
)

BOARD: Final = Dashboard(
    "caloserve-physics",
    "CaloServe / Physics",
    "Mean response and layer fractions of a sample of the showers served, beside full simulation.",
    [("All kinds", [*_DRIFT, _REFERENCE]), *(_kind(particle) for particle in _PARTICLES)],
)
