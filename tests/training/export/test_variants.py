"""What the exported graphs make, beside what Keras makes."""

from pathlib import Path

import onnx
import pytest

from caloserve.calorimeter import CALOGAN
from caloserve.generator.engine import Determinism, Engine
from caloserve.generator.releases import ReleaseStore
from caloserve.generator.settings import Provider
from caloserve_training.calogan2017.generator import CaloGAN
from caloserve_training.errors import ExportError
from caloserve_training.export.folding import FoldedGenerator, fold
from caloserve_training.export.fused import fused_graph
from caloserve_training.export.int8 import int8_graph
from caloserve_training.export.parity import Difference
from caloserve_training.export.session import OnnxGenerator
from caloserve_training.export.variants import Variant, export_variants, variants_of
from paper_generator import made_by_keras, orders, trained_looking
from standin_release import write_release

EXACT_VARIANTS = (Variant.PLAIN, Variant.FUSED)
EXACT = 1e-6


@pytest.mark.parametrize("variant", Variant)
def test_every_graph_has_the_signature_of_a_release(models: dict[Variant, bytes], variant: Variant) -> None:
    model = onnx.load_from_string(models[variant])
    sizes = {
        value.name: [dimension.dim_param or dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert sizes == {"latent": ["batch", 15], "energy": ["batch", 1], "cells": ["batch", CALOGAN.cells]}
    assert {(entry.domain, entry.version) for entry in model.opset_import if entry.domain != "ai.onnx.ml"} == {("", 18)}
    assert not {node.domain for node in model.graph.node} - {"", "ai.onnx"}


@pytest.mark.parametrize("variant", EXACT_VARIANTS)
@pytest.mark.parametrize("count", [1, 3, 200])
def test_exact_graphs_make_the_showers_of_keras(
    generator: CaloGAN, exported: dict[Variant, OnnxGenerator], variant: Variant, count: int
) -> None:
    latent, energy = orders(15, count)
    expected = made_by_keras(generator, latent, energy)
    assert (expected > 0).any()
    assert (expected == 0).any()
    assert Difference.between(exported[variant](latent, energy), expected).largest < EXACT


def test_the_paper_size_is_exact_when_fused_and_small_in_int8() -> None:
    generator = trained_looking(1024)
    folded = fold(generator)
    latent, energy = orders(1024, 64)
    fused, int8 = fused_graph(folded), int8_graph(folded)
    expected = made_by_keras(generator, latent, energy)
    assert Difference.between(OnnxGenerator(fused)(latent, energy), expected).largest < EXACT
    difference = Difference.between(OnnxGenerator(int8)(latent, energy), expected)
    assert difference.rms < 0.005
    assert abs(difference.e_tot_shift) < 0.001
    assert len(fused) < 55e6
    assert len(int8) < 15e6


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("variant", [Variant.FUSED, Variant.INT8])
def test_a_served_shower_of_the_fused_graphs_has_the_same_bits_in_any_company(
    models: dict[Variant, bytes], variant: Variant, threads: int, tmp_path: Path
) -> None:
    write_release(tmp_path, "eplus", model_kind=onnx.load_from_string(models[variant]), latent_size=15)
    engine = Engine(ReleaseStore(tmp_path, "eplus").load("0.1.0"), Provider.CPU, threads)
    assert engine.determinism is Determinism.BITWISE
    latent, energy = orders(15, 300)
    together = engine.run(latent, energy)
    for rows in (slice(0, 1), slice(17, 30), slice(299, None)):
        assert engine.run(latent[rows], energy[rows]).tobytes() == together[rows].tobytes()


def test_int8_makes_nearly_the_showers_of_float32(exported: dict[Variant, OnnxGenerator]) -> None:
    latent, energy = orders(15, 500)
    difference = Difference.between(exported[Variant.INT8](latent, energy), exported[Variant.FUSED](latent, energy))
    assert 0 < difference.rms < 0.01
    assert abs(difference.e_tot_shift) < 0.01


def test_a_graph_that_does_something_else_is_refused(generator: CaloGAN, monkeypatch: pytest.MonkeyPatch) -> None:
    other = fold(trained_looking(15))
    other.streams[0].outer[1, 50] *= 1.001

    def fold_wrongly(_: CaloGAN) -> FoldedGenerator:
        return other

    monkeypatch.setattr("caloserve_training.export.variants.fold", fold_wrongly)
    with pytest.raises(ExportError, match="the fused graph differs from Keras by"):
        export_variants(generator, [Variant.FUSED])


def test_only_the_paper_generator_can_be_fused() -> None:
    class Other:
        latent_size = 4

        def __call__(self, latent: object, energy: object, /) -> object:
            raise AssertionError(latent, energy)

    assert variants_of(Other()) == (Variant.PLAIN,)
    with pytest.raises(ExportError, match="no int8 graph of this generator"):
        export_variants(Other(), [Variant.PLAIN, Variant.INT8])
