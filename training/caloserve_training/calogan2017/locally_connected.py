"""The locally connected layer: a convolution whose filters differ from position to position."""

from __future__ import annotations

from collections.abc import Iterator

import keras
from keras import ops

from caloserve_training.tensor import Tensor

INITIALIZERS = {
    "he_uniform": (2.0, "uniform"),
    "glorot_uniform": (1.0, "uniform"),
    "glorot_normal": (1.0, "truncated_normal"),
}
"""What variance scaling makes of each."""


class LocallyConnected2D(keras.layers.Layer):  # type: ignore[misc]
    """Filters of their own at every position, without padding: section III.A of the paper, figure 5.

    Keras 3 has none. Images are (rows, columns, batch, channels); see ``positions``. The kernel is
    (rows, columns, window x channels, filters), the window row by row.

    Args:
        filters: Channels that come out.
        window: Rows and columns of the input that a position sees.
        stride: Rows and columns from one position to the next.
        kernel_initializer: A name of ``INITIALIZERS``. Fan-in and fan-out are taken over all positions together, as
            the Keras of 2017 does: images begin near zero and grow, where kernels of one window's fans would begin with
            cells far too bright, which the rectifier then kills for good, the faint last layer first.
        bias_initializer: None for a layer without bias.
        name: Of the layer.
    """

    def __init__(
        self,
        filters: int,
        window: tuple[int, int],
        *,
        stride: tuple[int, int] = (1, 1),
        kernel_initializer: str = "glorot_uniform",
        bias_initializer: object = "zeros",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.filters = filters
        self.window = window
        self.stride = stride
        self.kernel_initializer = kernel_initializer
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, shape: tuple[int, ...]) -> None:
        """Make the weights for images of this shape."""
        rows, columns, _, channels = shape
        self.channels = channels
        self.rows = (rows - self.window[0]) // self.stride[0] + 1
        self.columns = (columns - self.window[1]) // self.stride[1] + 1
        places = (self.rows, self.columns)
        self.kernel = self.add_weight(
            shape=(*places, self.window[0] * self.window[1] * channels, self.filters),
            initializer=self._initial_kernel,
            name="kernel",
        )
        self.bias = None
        if self.bias_initializer is not None:
            self.bias = self.add_weight(
                shape=(*places, 1, self.filters), initializer=self.bias_initializer, name="bias"
            )

    def call(self, images: Tensor) -> Tensor:
        """Filtered images, (rows, columns, batch, filters)."""
        total = 0.0 if self.bias is None else self.bias
        for number, seen in enumerate(self._seen(images)):
            part = slice(number * self.channels, (number + 1) * self.channels)
            total = total + ops.matmul(seen, self.kernel[:, :, part])
        return total

    def _seen(self, images: Tensor) -> Iterator[Tensor]:
        """What all positions see at one place of their windows, place by place."""
        down, right = self.stride
        bottom, end = down * (self.rows - 1) + 1, right * (self.columns - 1) + 1
        for row in range(self.window[0]):
            for column in range(self.window[1]):
                yield images[row : row + bottom : down, column : column + end : right]

    def _initial_kernel(self, shape: tuple[int, ...], dtype: str) -> Tensor:
        """All positions' kernels in one drawing."""
        rows, columns, inputs, filters = shape
        scale, distribution = INITIALIZERS[self.kernel_initializer]
        scale /= rows * columns
        if self.kernel_initializer.startswith("glorot"):
            scale *= 2 * self.channels / (self.channels + filters)
        draw = keras.initializers.VarianceScaling(scale, mode="fan_in", distribution=distribution)
        kernels = ops.reshape(draw((inputs, rows * columns * filters), dtype=dtype), (inputs, rows, columns, filters))
        return ops.transpose(kernels, (1, 2, 0, 3))
