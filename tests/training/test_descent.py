"""Steps down a loss, on both backends."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from caloserve_training.descent import descent

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

DESCEND = """
import sys
import keras
import numpy as np
from keras import ops
from caloserve_training.averages import RunningAverage
from caloserve_training.calogan2017.locally_connected import LocallyConnected2D
from caloserve_training.descent import compiled, descent

chooser = np.random.default_rng(0)
images = chooser.standard_normal((4, 5, 8, 2)).astype(np.float32)
layer, normalisation = LocallyConnected2D(3, (2, 2)), keras.layers.BatchNormalization()

def answer(images, training):
    return ops.sum(normalisation(layer(images), training=training) ** 3, axis=(0, 1, 3))

answer(images, False)
layer.kernel.assign(chooser.standard_normal(layer.kernel.shape))
weights, statistics = [*layer.weights, *normalisation.trainable_weights], normalisation.non_trainable_weights
optimizer = keras.optimizers.Adam(0.01)
step = descent(lambda images: ops.mean(answer(images, True) ** 2), weights, statistics, optimizer)
average = RunningAverage(layer.weights, 0.9)
losses = []
for number in range(1, 6):
    losses.append(float(step(images)))
    average.take(number)
with average.in_place():
    averaged = compiled(lambda images: answer(images, False), [*weights, *statistics])(images)
variables = [*weights, *statistics, *average.values]
np.savez(sys.argv[1], np.array(losses), np.asarray(averaged), *[np.asarray(each.value) for each in variables])
"""


def descend(backend: str, folder: Path) -> list[np.ndarray]:
    target = folder / f"{backend}.npz"
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", DESCEND, str(target)], env=environment, check=True, timeout=110)
    with np.load(target) as file:
        return [file[name] for name in file.files]


def test_both_backends_take_the_same_steps(tmp_path: Path) -> None:
    on_tensorflow, on_jax = descend("tensorflow", tmp_path), descend("jax", tmp_path)
    losses = on_tensorflow[0]
    assert losses[-1] < losses[0]
    for left, right in zip(on_tensorflow, on_jax, strict=True):
        np.testing.assert_allclose(left, right, rtol=2e-3, atol=1e-4)


def test_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.config, "backend", lambda: "torch")
    with pytest.raises(ValueError, match="training runs on tensorflow or jax, not on torch"):
        descent(lambda: 0.0, [], [], keras.optimizers.SGD())
