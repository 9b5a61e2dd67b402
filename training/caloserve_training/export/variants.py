"""The forms in which a trained generator is exported, each proved and measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import onnxruntime

from caloserve.generator import manifest
from caloserve.generator.engine import instruction_set
from caloserve_training.calogan2017.generator import CaloGAN
from caloserve_training.errors import ExportError
from caloserve_training.export.folding import fold
from caloserve_training.export.fused import fused_graph
from caloserve_training.export.int8 import int8_graph
from caloserve_training.export.keras_graph import Generator, export_onnx
from caloserve_training.export.parity import ROUNDING, Difference, Probes, check_export
from caloserve_training.export.session import OnnxGenerator
from caloserve_training.export.speed import ROUNDS, measure

Report = Callable[[str], object]
"""Told what has been done."""


class Variant(StrEnum):
    """A form of the ONNX graph."""

    PLAIN = "plain"
    """As Keras has it."""
    FUSED = "fused"
    """In few large operators, exact but for rounding."""
    INT8 = "int8"
    """The same with its largest product in int8."""


@dataclass(frozen=True)
class Exported:
    """One form of a generator.

    Attributes:
        variant: Which.
        model: The ONNX file.
        difference: From the trained generator.
        speeds: On one thread.
    """

    variant: Variant
    model: bytes
    difference: Difference
    speeds: tuple[manifest.Speed, ...]

    def described(self) -> manifest.Export:
        """What the manifest says about it."""
        return manifest.Export(
            variant=self.variant.value,
            largest_difference=float(f"{self.difference.largest:.3g}"),
            rms_difference=float(f"{self.difference.rms:.3g}"),
            e_tot_shift=float(f"{self.difference.e_tot_shift:.3g}"),
            speeds=self.speeds,
            runtime=f"onnxruntime {onnxruntime.__version__}",
            instruction_set=instruction_set(),
        )


def variants_of(generator: Generator) -> tuple[Variant, ...]:
    """Forms that there are of a generator: only the paper's can be fused."""
    return tuple(Variant) if isinstance(generator, CaloGAN) else (Variant.PLAIN,)


def default_variant(generator: Generator) -> Variant:
    """What is exported unless told otherwise: the fastest graph that is exact."""
    return Variant.FUSED if Variant.FUSED in variants_of(generator) else Variant.PLAIN


def steps_of(variants: Sequence[Variant]) -> int:
    """How often an export of these tells its report."""
    return 2 * len(variants) + ROUNDS


def export_variants(
    generator: Generator, variants: Sequence[Variant], report: Report = lambda _: None
) -> dict[Variant, Exported]:
    """Export a generator in several forms, and measure them beside each other.

    Args:
        generator: A trained one.
        variants: Which forms.
        report: Told of every step.

    Raises:
        ExportError: there is no such form of this generator, or a graph does not do what the generator does.
    """
    for variant in variants:
        if variant not in variants_of(generator):
            raise ExportError(f"there is no {variant} graph of this generator; only the paper's, calogan2017, has one")
    probes = Probes(generator)
    models, differences, sessions = {}, {}, {}
    for variant in variants:
        models[variant] = build(generator, variant)
        report(f"made {variant}")
        sessions[variant] = OnnxGenerator(models[variant])
        differences[variant] = probes.compare(sessions[variant])
        _check(generator, variant, sessions[variant], differences[variant])
        report(f"compared {variant}")
    speeds = measure(sessions, lambda: report("timing"))
    return {variant: Exported(variant, models[variant], differences[variant], speeds[variant]) for variant in variants}


def build(generator: Generator, variant: Variant) -> bytes:
    """One form of a generator that has it."""
    if variant is Variant.PLAIN or not isinstance(generator, CaloGAN):
        return export_onnx(generator)
    folded = fold(generator)
    return fused_graph(folded) if variant is Variant.FUSED else int8_graph(folded)


def _check(generator: Generator, variant: Variant, session: OnnxGenerator, difference: Difference) -> None:
    if not isinstance(generator, CaloGAN):
        check_export(generator, session)
    elif variant is not Variant.INT8 and difference.largest > ROUNDING:
        raise ExportError(
            f"the {variant} graph differs from Keras by {difference.largest:.2g} of a shower's largest cell, "
            f"more than {ROUNDING:.0e}"
        )
