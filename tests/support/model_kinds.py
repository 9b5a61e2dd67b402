"""Tiny models of other kinds than dense float32: int8 of three makes, and a convolution. All make showers."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from caloserve.calorimeter import CALOGAN
from standin_release import LATENT_SIZE

SLOW_GEV: Final = 88.0
_RANDOM: Final = np.random.default_rng(1)
WEIGHTS: Final = _RANDOM.normal(size=(LATENT_SIZE, CALOGAN.cells)).astype(np.float32)
_KERNEL: Final = _RANDOM.normal(size=(21, 1, 3, 3)).astype(np.float32)
"""From one image of 4 x 6 latents to 21: as many pixels as there are cells."""
_SCALES: Final = (np.abs(WEIGHTS).max(axis=0) / 127).astype(np.float32)
"""One for each channel."""
_INT8_WEIGHTS: Final = np.round(WEIGHTS / _SCALES).astype(np.int8)
_MOST_LATENT: Final = 6.0
"""What the constant scale has room for; latents go up to 5.9."""


def quantized() -> onnx.ModelProto:
    """Activations quantized with a constant scale, as a calibrated model has them: Q, DQ, MatMul."""
    return _model(
        [
            helper.make_node("QuantizeLinear", ["latent", "scale", "zero"], ["quantized"]),
            helper.make_node("DequantizeLinear", ["quantized", "scale", "zero"], ["rounded"]),
            helper.make_node("DequantizeLinear", ["int8_weights", "scales", "zeros"], ["weights"], axis=1),
            helper.make_node("MatMul", ["rounded", "weights"], ["hidden"]),
        ],
        {**_constant_scale(), "scales": _SCALES, "zeros": np.zeros(CALOGAN.cells, np.int8)},
    )


def integer() -> onnx.ModelProto:
    """The same in integers: MatMulInteger, and the scales after it."""
    return _model(
        [
            helper.make_node("QuantizeLinear", ["latent", "scale", "zero"], ["quantized"]),
            helper.make_node("MatMulInteger", ["quantized", "int8_weights"], ["product"]),
            helper.make_node("Cast", ["product"], ["sum"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["sum", "scales"], ["hidden"]),
        ],
        {**_constant_scale(), "scales": _SCALES * np.float32(_MOST_LATENT / 127)},
    )


def batch_scaled(*, most: float | None = None) -> onnx.ModelProto:
    """Activations quantized with a scale taken from the batch; clipped at ``most`` before, if that is told."""
    clip = [helper.make_node("Clip", ["latent", "least", "most"], ["clipped"])] if most else []
    return _model(
        [
            *clip,
            helper.make_node(
                "DynamicQuantizeLinear", ["clipped" if clip else "latent"], ["quantized", "scale", "zero"]
            ),
            helper.make_node("MatMulInteger", ["quantized", "int8_weights", "zero"], ["product"]),
            helper.make_node("Cast", ["product"], ["sum"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["scale", "scales"], ["all_scales"]),
            helper.make_node("Mul", ["sum", "all_scales"], ["hidden"]),
        ],
        {
            "int8_weights": _INT8_WEIGHTS,
            "scales": _SCALES,
            **({"least": np.float32(-most), "most": np.float32(most)} if most else {}),
        },
    )


def convolution() -> onnx.ModelProto:
    """A convolution over the latents as an image."""
    return _model(
        [
            helper.make_node("Reshape", ["latent", "image_shape"], ["image"]),
            helper.make_node("Conv", ["image", "kernel"], ["images"], pads=[1, 1, 1, 1]),
            helper.make_node("Reshape", ["images", "cells_shape"], ["hidden"]),
        ],
        {
            "kernel": _KERNEL,
            "image_shape": np.array([-1, 1, 4, 6], np.int64),
            "cells_shape": np.array([-1, CALOGAN.cells], np.int64),
        },
    )


def rounding_by_batch(latent_size: int = LATENT_SIZE) -> onnx.ModelProto:
    """Other bits in other batch sizes, on every machine: a share of 1e-7 for each row."""
    weights = np.resize(WEIGHTS, (latent_size, CALOGAN.cells))
    return _model(
        [
            helper.make_node("MatMul", ["latent", "weights"], ["product"]),
            helper.make_node("Shape", ["latent"], ["rows"], start=0, end=1),
            helper.make_node("Cast", ["rows"], ["rows_float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["rows_float", "share"], ["rounding"]),
            helper.make_node("Add", ["rounding", "one"], ["factor"]),
            helper.make_node("Mul", ["product", "factor"], ["hidden"]),
        ],
        {"weights": weights, "share": np.float32(1e-7), "one": np.float32(1)},
        latent_size,
    )


def neighbour_scaled(from_gev: float) -> onnx.ModelProto:
    """Each shower is scaled by the batch's greatest energy, where that is above ``from_gev``."""
    return _model(
        [
            helper.make_node("ReduceMax", ["energy"], ["greatest"], keepdims=0),
            helper.make_node("Max", ["greatest", "from"], ["clipped"]),
            helper.make_node("Div", ["clipped", "from"], ["factor"]),
            helper.make_node("MatMul", ["latent", "weights"], ["product"]),
            helper.make_node("Mul", ["product", "factor"], ["hidden"]),
        ],
        {"weights": WEIGHTS, "from": np.float32(from_gev)},
    )


def normalised_over_batch() -> onnx.ModelProto:
    """Normalised over the batch: in company numbers, alone 0 / 0."""
    return _model(
        [
            helper.make_node("MatMul", ["latent", "weights"], ["product"]),
            helper.make_node("ReduceMean", ["product", "rows"], ["mean"]),
            helper.make_node("Sub", ["product", "mean"], ["off"]),
            helper.make_node("Mul", ["off", "off"], ["squares"]),
            helper.make_node("ReduceMean", ["squares", "rows"], ["variance"]),
            helper.make_node("Sqrt", ["variance"], ["deviation"]),
            helper.make_node("Div", ["off", "deviation"], ["hidden"]),
        ],
        {"weights": WEIGHTS, "rows": np.array([0], np.int64)},
    )


def slow_at_one_energy() -> onnx.ModelProto:
    """Busy for a good part of a second with each shower of exactly ``SLOW_GEV``."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["go_on_again"]),
            helper.make_node("MatMul", ["product_before", "identity"], ["product_after"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("iteration", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("product_before", TensorProto.FLOAT, [256, 256]),
        ],
        [
            helper.make_tensor_value_info("go_on_again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("product_after", TensorProto.FLOAT, [256, 256]),
        ],
    )
    return _model(
        [
            helper.make_node("Equal", ["energy", "slow_gev"], ["slow"]),
            helper.make_node("Cast", ["slow"], ["slow_number"], to=TensorProto.INT64),
            helper.make_node("ReduceSum", ["slow_number"], ["slow_rows"], keepdims=0),
            helper.make_node("Mul", ["slow_rows", "turns"], ["all_turns"]),
            helper.make_node("Loop", ["all_turns", "", "identity"], ["still_identity"], body=body),
            helper.make_node("ReduceMax", ["still_identity"], ["one"], keepdims=0),
            helper.make_node("MatMul", ["latent", "weights"], ["product"]),
            helper.make_node("Mul", ["product", "one"], ["hidden"]),
        ],
        {
            "weights": WEIGHTS,
            "slow_gev": np.float32(SLOW_GEV),
            "turns": np.asarray(1000, np.int64),
            "identity": np.eye(256, dtype=np.float32),
        },
    )


def _constant_scale() -> dict[str, NDArray[np.generic]]:
    return {
        "int8_weights": _INT8_WEIGHTS,
        "scale": np.asarray(_MOST_LATENT / 127, np.float32),
        "zero": np.asarray(0, np.int8),
    }


def _model(
    nodes: Sequence[NodeProto], constants: Mapping[str, object], latent_size: int = LATENT_SIZE
) -> onnx.ModelProto:
    """cells = relu(hidden) x energy, where ``nodes`` make ``hidden`` of ``latent``."""
    graph = helper.make_graph(
        [
            *nodes,
            helper.make_node("Relu", ["hidden"], ["positive"]),
            helper.make_node("Mul", ["positive", "energy"], ["cells"]),
        ],
        "standin",
        [
            helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["batch", latent_size]),
            helper.make_tensor_value_info("energy", TensorProto.FLOAT, ["batch", 1]),
        ],
        [helper.make_tensor_value_info("cells", TensorProto.FLOAT, ["batch", CALOGAN.cells])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
