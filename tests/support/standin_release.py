"""A tiny release for tests: a real ONNX model with known behaviour, and planted faults at known energies."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from caloserve.calorimeter import CALOGAN, SAMPLER_VERSION
from caloserve.generator.manifest import Domain, Fidelity, Figure, Manifest, Model, Training

LATENT_SIZE = 24
NAN_GEV = 66.0
"""At this energy every cell is NaN."""
NEGATIVE_GEV = 77.0
"""At this energy every hit cell is negative."""


def write_release(
    folder: Path,
    particle: str,
    version: str = "0.1.0",
    *,
    gain: float = 1.0,
    model_kind: onnx.ModelProto | None = None,
    latent_size: int = LATENT_SIZE,
) -> Manifest:
    """Write a release ``version`` below ``folder``, whose cells are about ``gain`` x 2 MeV per GeV unless told."""
    release = folder / version
    release.mkdir(parents=True)
    model = (model_kind or standin_model(gain, latent_size)).SerializeToString()
    (release / "model.onnx").write_bytes(model)
    manifest = Manifest(
        schema=1,
        version=version,
        particle=particle,
        geometry_id=CALOGAN.id,
        sampler_version=SAMPLER_VERSION,
        created="2026-01-01",
        model=Model("model.onnx", hashlib.sha256(model).hexdigest(), latent_size * CALOGAN.cells, latent_size),
        domain=Domain(1.0, 100.0),
        training=Training("0" * 64, "stand-in, not trained", 0, "none", "none"),
        fidelity=Fidelity("0" * 64, 0, (Figure("mean_response_1_10_gev", 0.5, None, "", 0),)),
    )
    manifest.write(release / "manifest.json")
    return manifest


def standin_model(gain: float, latent_size: int = LATENT_SIZE) -> onnx.ModelProto:
    """cells = relu(latent W) x energy x gain, NaN at NAN_GEV and negative at NEGATIVE_GEV."""
    weights = np.random.default_rng(1).normal(size=(latent_size, CALOGAN.cells)).astype(np.float32)
    constants = {
        "weights": weights,
        "gain": np.float32(gain),
        "nan_gev": np.float32(NAN_GEV),
        "negative_gev": np.float32(NEGATIVE_GEV),
        "half": np.float32(0.5),
    }
    nodes = [
        helper.make_node("MatMul", ["latent", "weights"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["positive"]),
        helper.make_node("Sub", ["energy", "nan_gev"], ["from_nan"]),
        helper.make_node("Div", ["from_nan", "from_nan"], ["one_or_nan"]),
        helper.make_node("Sub", ["energy", "negative_gev"], ["from_negative"]),
        helper.make_node("Abs", ["from_negative"], ["distance"]),
        helper.make_node("Sub", ["distance", "half"], ["beyond"]),
        helper.make_node("Sign", ["beyond"], ["sign"]),
        helper.make_node("Mul", ["energy", "gain"], ["scale"]),
        helper.make_node("Mul", ["scale", "one_or_nan"], ["scale_or_nan"]),
        helper.make_node("Mul", ["scale_or_nan", "sign"], ["signed_scale"]),
        helper.make_node("Mul", ["positive", "signed_scale"], ["cells"]),
    ]
    graph = helper.make_graph(
        nodes,
        "standin",
        [
            helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["batch", latent_size]),
            helper.make_tensor_value_info("energy", TensorProto.FLOAT, ["batch", 1]),
        ],
        [helper.make_tensor_value_info("cells", TensorProto.FLOAT, ["batch", CALOGAN.cells])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
