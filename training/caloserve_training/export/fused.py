"""The paper's generator as an ONNX graph of few, large operators; the same showers but for rounding.

The batch is the last dimension of images, so that a locally connected layer moves whole rows of memory. What happens to
the bits of a shower in other company is told in docs/decisions/0007-fused-graph.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from caloserve.calorimeter import CALOGAN
from caloserve_training.calogan2017.generator import MEV_PER_GEV, MOST_ENERGY_GEV, SLOPE
from caloserve_training.export.folding import WINDOW, Array, FoldedAttention, FoldedGenerator, FoldedStream
from caloserve_training.export.graph import Graph


def fused_graph(generator: FoldedGenerator) -> bytes:
    """All in float32."""
    graph = Graph()
    hidden = graph("Mul", "latent", graph("Div", "energy", MOST_ENERGY_GEV))
    products = [
        graph("Gemm", hidden, stream.weights.reshape(generator.latent_size, -1), stream.bias.ravel())
        for stream in generator.streams
    ]
    return finish(graph, generator, products)


def finish(graph: Graph, generator: FoldedGenerator, products: Sequence[str]) -> bytes:
    """The graph from the streams' products with the latent, (batch, positions x channels), to ``cells``."""
    inner = [_inner(graph, *each) for each in zip(products, generator.streams, strict=True)]
    outer = _locally_connected(
        graph, graph("Concat", *inner, axis=0), [stream.outer for stream in generator.streams], scale=MEV_PER_GEV
    )
    cells = graph.transpose(graph.reshape(outer, CALOGAN.cells, -1), 1, 0)
    images = graph.split(cells, [layer.cells for layer in CALOGAN.layers], axis=1)
    for number, attention in enumerate(generator.attentions, start=1):
        images[number] = _attend(graph, images[number], images[number - 1], attention)
    return graph.finish(graph("Relu", graph("Concat", *images, axis=1)), latent_size=generator.latent_size)


def _locally_connected(
    graph: Graph, images: str, kernels: Sequence[Array], *, bias: Array | None = None, scale: float | None = None
) -> str:
    """Locally connected layers of one or several streams, one after the other.

    Every position is multiplied once, for all places that it has in the windows around it; then every window adds up
    what its places hold.

    Args:
        graph: To add to.
        images: (positions, channels, batch).
        kernels: One for each stream, (rows, columns, 2, 2, channels, filters).
        bias: (positions, filters).
        scale: What the result is multiplied by.

    Returns:
        (positions, filters, batch).
    """
    products, places = zip(*(_products_and_places(kernel) for kernel in kernels), strict=True)
    starts = np.cumsum([0, *(len(each) for each in products[:-1])]) * len(WINDOW)
    filters = kernels[0].shape[-1]
    made = graph("MatMul", np.concatenate(products), images)
    if scale is not None:  # right behind the product, where it keeps a lone shower's bits: see the decision
        made = graph("Mul", made, scale)
    made = graph.reshape(made, -1, filters, 0)
    held = [
        graph("Gather", made, np.concatenate([start + each for start, each in zip(starts, seen, strict=True)]), axis=0)
        for seen in zip(*places, strict=True)
    ]
    return graph("Sum", *held, *([] if bias is None else [bias[:, :, np.newaxis]]))


def _products_and_places(kernel: Array) -> tuple[Array, Array]:
    """What each position is multiplied by, (positions, places x filters, channels), and where windows find it."""
    rows, columns, _, _, channels, filters = kernel.shape
    weights = np.zeros((rows + 1, columns + 1, len(WINDOW), filters, channels))
    positions = np.arange((rows + 1) * (columns + 1)).reshape(rows + 1, columns + 1)
    places = []
    for place, (down, right) in enumerate(WINDOW):
        seen = np.s_[down : down + rows, right : right + columns]
        weights[(*seen, place)] = kernel[:, :, down, right].swapaxes(-1, -2)
        places.append(len(WINDOW) * positions[seen].ravel() + place)
    return weights.reshape(-1, len(WINDOW) * filters, channels), np.array(places)


def _inner(graph: Graph, product: str, stream: FoldedStream) -> str:
    """A stream's activations after its first locally connected layer, (positions, 6, batch)."""
    channels, filters = stream.inner.shape[-2:]
    images = graph.transpose(graph.reshape(_leaky(graph, product), 0, -1, channels), 1, 2, 0)
    bias = stream.inner_bias.reshape(-1, filters)
    return _leaky(graph, _locally_connected(graph, images, [stream.inner], bias=bias))


def _attend(graph: Graph, own: str, previous: str, attention: FoldedAttention) -> str:
    """The mixture of a layer's image and the previous layer's, all in MeV, (batch, cells)."""
    previous = graph("MatMul", previous, attention.resize)
    both = graph("Concat", own, previous, axis=1)
    share = graph("Sigmoid", graph("Gemm", both, attention.weights / MEV_PER_GEV, attention.bias))
    return graph("Add", previous, graph("Mul", share, graph("Sub", own, previous)))


def _leaky(graph: Graph, value: str) -> str:
    """LeakyReLU."""
    return graph("LeakyRelu", value, alpha=SLOPE)
