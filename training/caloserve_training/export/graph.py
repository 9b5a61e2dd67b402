"""ONNX graphs, put together node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from caloserve.calorimeter import CALOGAN

OPSET = 18
IR_VERSION = 10
BATCH = "batch"

Input = str | float | NDArray[np.generic]
"""What a node takes: a name, or a constant."""


class Graph:
    """Nodes and constants; calling it adds a node and gives the name of what that makes.

    It begins with the inputs ``latent``, standard normals (batch, latent size), and ``energy``, GeV (batch, 1).
    Inputs of nodes are names or constants, of which float64 becomes float32.
    """

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def __call__(self, kind: str, *inputs: Input, **attributes: object) -> str:
        """Add a node with one output."""
        (output,) = self._add(kind, inputs, 1, attributes)
        return output

    def split(self, value: str, sizes: Sequence[int], axis: int) -> list[str]:
        """Parts of the given sizes, one after the other."""
        return self._add("Split", (value, np.array(sizes)), len(sizes), {"axis": axis})

    def reshape(self, value: str, *shape: int) -> str:
        """Another shape; 0 keeps a dimension, and one may be -1."""
        return self("Reshape", value, np.array(shape))

    def transpose(self, value: str, *order: int) -> str:
        """Dimensions in another order."""
        return self("Transpose", value, perm=order)

    def finish(self, output: str, *, latent_size: int) -> bytes:
        """The model that makes ``output``, (batch, 504), and calls it ``cells``."""
        self._nodes.append(helper.make_node("Identity", [output], ["cells"]))

        def described(name: str, width: int) -> Any:  # noqa: ANN401 (onnx has no types)
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, width])

        graph = helper.make_graph(
            self._nodes,
            "shower_generator",
            [described("latent", latent_size), described("energy", 1)],
            [described("cells", CALOGAN.cells)],
            self._constants,
        )
        return finished(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION))

    def _add(self, kind: str, inputs: Sequence[Input], outputs: int, attributes: dict[str, Any]) -> list[str]:
        name = f"{kind}_{len(self._nodes)}"
        made = [name] if outputs == 1 else [f"{name}_{number}" for number in range(outputs)]
        taken = [each if isinstance(each, str) else self._constant(each) for each in inputs]
        self._nodes.append(helper.make_node(kind, taken, made, name=name, **attributes))
        return made

    def _constant(self, value: float | NDArray[np.generic]) -> str:
        name = f"constant_{len(self._constants)}"
        array = np.asarray(value, order="C")
        self._constants.append(
            numpy_helper.from_array(array.astype(np.float32) if array.dtype == np.float64 else array, name)
        )
        return name


def finished(model: Any) -> bytes:  # noqa: ANN401 (onnx has no types)
    """A checked model with the signature that a release has, without traces of how it was made."""
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    del model.graph.value_info[:]
    model.graph.name = "shower_generator"
    model.doc_string = ""
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
