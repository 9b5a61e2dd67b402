"""Random streams: standard normals that depend on (seed, event_id, index, attempt) and on nothing else.

A shower's raw words come from NumPy's Philox4x64-10, a counter-based generator whose raw stream NumPy promises to
keep: key (seed, event_id), counter (block, 0, index, attempt). NumPy makes no such promise for its normals, so the
words are turned into normals here: the quantile function, linear between the nodes of a table, and a finer table in
both tails. Looking up, multiplying and adding are exact operations of IEEE 754, so no CPU rounds them differently.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

SAMPLER_VERSION = 1
"""Raised whenever the same stream would give other normals; a release names the version it was validated with."""

_SEGMENT_BITS = 12
_SEGMENTS = 1 << _SEGMENT_BITS
_REST_BITS = 32 - _SEGMENT_BITS
_REST_MASK = np.uint32((1 << _REST_BITS) - 1)
_TAIL_REST_BITS = _REST_BITS - _SEGMENT_BITS
_ROWS_AT_ONCE = 64  # keeps the intermediate arrays in the cache


def _nodes(step: float) -> NDArray[np.float32]:
    """Quantiles at 0, step, 2 step, ... ``_SEGMENTS`` step, the first moved half a step in from minus infinity."""
    normal = NormalDist()
    probabilities = [0.5 * step, *(step * k for k in range(1, _SEGMENTS)), min(step * _SEGMENTS, 1 - 0.5 * step)]
    return np.array([normal.inv_cdf(p) for p in probabilities], dtype=np.float32)


_BODY = _nodes(1 / _SEGMENTS)
_BODY_STEPS = np.diff(_BODY)
_TAIL = _nodes(1 / _SEGMENTS**2)
_TAIL_STEPS = np.diff(_TAIL)


def latents(seed: int, event_id: int, indices: ArrayLike, attempts: int | ArrayLike, size: int) -> NDArray[np.float32]:
    """Standard normals for showers.

    Args:
        seed: the request's seed, 0 to 2**64 - 1.
        event_id: the event's number, 0 to 2**64 - 1.
        indices: index of each shower in its event, shape (n,).
        attempts: attempt at each shower, 0 for the first, shape (n,) or one number for all.
        size: normals per shower. A longer stream begins with the shorter one.

    Returns:
        float32, shape (n, size). No value lies beyond 5.5 standard deviations.
    """
    rows = np.atleast_1d(np.asarray(indices, dtype=np.uint64))
    tries = np.broadcast_to(np.asarray(attempts, dtype=np.uint64), rows.shape)
    words = np.empty((min(len(rows), _ROWS_AT_ONCE), (size + 1) // 2), dtype="<u8")
    normals = np.empty((len(rows), size), dtype=np.float32)
    stream = _Stream(seed, event_id)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, len(rows))
        block = words[: stop - start]
        stream.fill(block, rows[start:stop].tolist(), tries[start:stop].tolist())
        normals[start:stop] = normals_from_words(block.view("<u4")[:, :size])
    return normals


def normals_from_words(words: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Turn uniform 32-bit words into standard normals of the same shape, float32.

    The upper 12 bits choose a segment of the quantile function, the lower 20 the place in it; in the first and last
    segment those 20 bits choose among 4096 finer segments. The greater the word, the greater the normal.
    """
    segment = words >> np.uint32(_REST_BITS)
    rest = words & _REST_MASK
    normals = _interpolate(_BODY, _BODY_STEPS, segment, rest, _REST_BITS)
    lower = np.nonzero(segment == 0)
    normals[lower] = _tail(rest[lower])
    upper = np.nonzero(segment == _SEGMENTS - 1)
    normals[upper] = -_tail(_REST_MASK - rest[upper])
    return normals


def _tail(rest: NDArray[np.uint32]) -> NDArray[np.float32]:
    segment = rest >> np.uint32(_TAIL_REST_BITS)
    place = rest & np.uint32((1 << _TAIL_REST_BITS) - 1)
    return _interpolate(_TAIL, _TAIL_STEPS, segment, place, _TAIL_REST_BITS)


def _interpolate(
    nodes: NDArray[np.float32],
    steps: NDArray[np.float32],
    segment: NDArray[np.uint32],
    place: NDArray[np.uint32],
    place_bits: int,
) -> NDArray[np.float32]:
    """Value at the middle of the ``place``-th of 2**place_bits equal parts of each segment."""
    fraction = place.astype(np.float32)
    fraction += np.float32(0.5)
    fraction *= np.float32(2.0**-place_bits)
    fraction *= steps.take(segment)
    fraction += nodes.take(segment)
    return fraction


class _Stream:
    """One Philox generator, set to the start of one shower's stream after another.

    Setting its state costs a sixth of making a new generator.
    """

    def __init__(self, seed: int, event_id: int) -> None:
        self._generator = np.random.Philox(key=np.array([seed, event_id], dtype=np.uint64))
        self._start = self._generator.state

    def fill(self, words: NDArray[np.uint64], indices: Sequence[int], attempts: Sequence[int]) -> None:
        """Write the first words of each shower's stream into its row of ``words``, shape (n, words per shower)."""
        counter = self._start["state"]["counter"]
        for row, index, attempt in zip(words, indices, attempts, strict=True):
            counter[2] = index
            counter[3] = attempt
            self._generator.state = self._start
            row[:] = self._generator.random_raw(len(row))
