"""Random streams: standard normals that depend on (seed, event_id, index, attempt, size) and on nothing else.

The raw words come from NumPy's Philox4x64-10, a counter-based generator whose raw stream NumPy promises to keep. Its
key is (seed, event_id); its counter is (index x blocks + block, size, attempt) in 128, 64 and 64 bits, where a block is
four words and a shower has as many blocks as it needs. So the streams of consecutive indices lie end to end and are
drawn at once, and showers of another size have streams of their own.

NumPy makes no such promise for its normals, so words are turned into normals here: 16 bits choose among 65 536 equally
probable values. The first and the last of them stand for the tails, where twelve more bits choose, from the word that
each stream begins with. Looking up is exact: no CPU rounds it differently.
"""

from collections.abc import Iterator
from itertools import pairwise
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

SAMPLER_VERSION: Final = 2
"""Raised whenever the same stream would give other normals; a release names the version it was validated with."""

_PER_WORD: Final = 4
"""Normals in a word, and words in a block."""
_BODY_BITS: Final = 16
_TAIL_BITS: Final = 12
_NEXT_INDEX: Final = np.array([[0], [0], [1], [0]], dtype=np.uint64)
"""From one shower's (seed, event_id, index, attempt) to the next one's in a run."""
_ROWS_AT_ONCE: Final = 256  # keeps the intermediate arrays in the cache


def _lower_quantiles(count: int, step: float) -> NDArray[np.float32]:
    """Normal quantiles in the middle of each of ``count`` steps of probability, from 0 on."""
    normal = NormalDist()
    return np.array([normal.inv_cdf(step * (k + 0.5)) for k in range(count)], dtype=np.float32)


def _mirrored(lower: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([lower, -lower[::-1]])


_BODY: Final = _mirrored(_lower_quantiles(1 << (_BODY_BITS - 1), 2.0**-_BODY_BITS))
_LOWER_TAIL: Final = _lower_quantiles(1 << _TAIL_BITS, 2.0 ** -(_BODY_BITS + _TAIL_BITS))


def latents(
    seed: ArrayLike, event_id: ArrayLike, indices: ArrayLike, attempts: ArrayLike, size: int
) -> NDArray[np.float32]:
    """Standard normals for showers.

    Args:
        seed: the request's seed, 0 to 2**64 - 1.
        event_id: the event's number, 0 to 2**64 - 1.
        indices: index of each shower in its event, shape (n,).
        attempts: attempt at each shower, 0 for the first.
        size: normals per shower.

    Returns:
        float32, shape (n, size). No value lies beyond 5.9 standard deviations.

    Of the first four, each may have shape (n,) or be one number for all.
    """
    return Streams(size).draw(seed, event_id, indices, attempts)


class Streams:
    """The streams of showers that need ``size`` normals each. One thread at a time may draw.

    One generator is set to the start of one run of showers after another.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        words = 1 + -(-size // _PER_WORD)
        self._blocks = -(-words // _PER_WORD)
        self._generator = np.random.Philox(0)
        self._start = self._generator.state
        self._start["state"]["counter"][2] = size
        self._normals = np.empty((0, size), dtype=np.float32)

    def draw(
        self, seed: ArrayLike, event_id: ArrayLike, indices: ArrayLike, attempts: ArrayLike
    ) -> NDArray[np.float32]:
        """Standard normals for showers, shape (n, size); the arguments are those of ``latents``.

        The next draw overwrites them: memory that is used again is several times as fast.
        """
        count = np.size(indices)
        streams = np.empty((4, count), dtype=np.uint64)
        streams[0], streams[1], streams[2], streams[3] = seed, event_id, indices, attempts
        if len(self._normals) < count:
            self._normals = np.empty((count, self.size), dtype=np.float32)
        normals = self._normals[:count]
        for start in range(0, count, _ROWS_AT_ONCE):
            block = slice(start, start + _ROWS_AT_ONCE)
            write_normals(self._words(streams[:, block]), normals[block])
        return normals

    def _words(self, streams: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """The words of each shower's stream, shape (n, words per shower)."""
        words = np.empty((streams.shape[1], _PER_WORD * self._blocks), dtype="<u8")
        key, counter = self._start["state"]["key"], self._start["state"]["counter"]
        for start, stop in _runs(streams):
            seed, event_id, index, attempt = streams[:, start].tolist()
            key[:] = seed, event_id
            counter[1], counter[0] = divmod(index * self._blocks, 1 << 64)
            counter[3] = attempt
            self._generator.state = self._start
            run = words[start:stop]
            run.reshape(-1)[:] = self._generator.random_raw(run.size)
        return words


def write_normals(words: NDArray[np.uint64], normals: NDArray[np.float32]) -> None:
    """Turn uniform words, shape (n, words), into ``normals``, shape (n, size) with size up to 4 (words - 1).

    The first word is for the tails, 16 bits each for the first four normals that lie there, and again from the start;
    of the others, every 16 bits make a normal: the greater the number, the greater the normal.
    """
    parts = words.view("<u2")
    body = parts[:, _PER_WORD : _PER_WORD + normals.shape[1]]
    np.take(_BODY, body, out=normals, mode="clip")
    outermost = np.flatnonzero(body + np.uint16(1) <= 1)  # the last number wraps to 0
    if len(outermost):
        row, column = np.divmod(outermost, normals.shape[1])
        rank = np.arange(len(row)) - np.searchsorted(row, row)
        tails = _LOWER_TAIL[parts[row, rank % _PER_WORD] >> np.uint16(_BODY_BITS - _TAIL_BITS)]
        normals[row, column] = np.where(body[row, column] == 0, tails, -tails)


def _runs(streams: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Start and stop of stretches within which each index follows the one before and all else is the same."""
    steps = np.diff(streams, axis=1)
    follows = (steps == _NEXT_INDEX).all(axis=0) & (streams[2, 1:] != 0)
    edges = [0, *(np.flatnonzero(~follows) + 1).tolist(), streams.shape[1]]
    return pairwise(edges)
