import hashlib
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caloserve.calorimeter import SAMPLER_VERSION, latents
from caloserve.calorimeter.seeds import Streams, write_normals

uint64 = st.integers(0, 2**64 - 1)

GOLDEN = {
    (0, 0, 0, 0): [0xBE3E3DC2, 0x3E52EC2E, 0x3E54716B, 0x3FF04CE6, 0x3F74663F, 0x3F2C0002],
    (7, 3, 5, 1): [0x3DD86723, 0xBFFB600F, 0xBEAD3D7B, 0x3F9D6556, 0x3ED35329, 0x3E9D2B51],
    (2**64 - 1,) * 4: [0x3F9BB5BE, 0xBFE8CBC0, 0xBF9F7B32, 0x3ED9C2A0, 0x3E2B43F4, 0xC0205CBE],
}
"""The first normals of three streams, as bits, for sampler version 2."""


@pytest.mark.parametrize("stream", GOLDEN)
def test_golden_vectors(stream: tuple[int, int, int, int]) -> None:
    assert SAMPLER_VERSION == 2, "a new sampler version needs golden vectors of its own"
    seed, event_id, index, attempt = stream
    assert latents(seed, event_id, [index], attempt, 6).view("u4")[0].tolist() == GOLDEN[stream]


def test_golden_digest_of_many_showers() -> None:
    normals = latents(20171, 2, range(200), 0, 540)
    digest = hashlib.sha256(normals.astype("<f4").tobytes()).hexdigest()
    assert digest == "94fa1fddb2db741cd7f6d5f82b6e7132500566c81b6b56ab4d7a3ed1d3c90064"


def transformed(words: list[list[int]], size: int) -> np.ndarray:
    """Normals from 16-bit numbers, four to a word, the first four being for the tails."""
    normals = np.empty((len(words), size), dtype=np.float32)
    write_normals(np.array(words, dtype="<u2").view("<u8"), normals)
    return normals


def test_the_transform_is_monotone_and_symmetric() -> None:
    body = np.arange(2**16).reshape(1, -1)
    normals = transformed(np.concatenate([np.full((1, 4), 2**15), body], axis=1).tolist(), 2**16)[0]
    assert (np.diff(normals) > 0).all()
    np.testing.assert_array_equal(normals[1:-1], -normals[1:-1][::-1])


def test_the_tails_have_quantiles_of_their_own() -> None:
    """The first normals in the tails take the four numbers in turn, the fifth the first again."""
    tails = [0, 16, 2**15, 2**16 - 1]
    normals = transformed([[*tails, 0, 0, 2**16 - 1, 1000, 0, 0] + [5] * 2], 6)[0]
    normal = NormalDist()
    quantile = [normal.inv_cdf(2.0**-28 * ((number >> 4) + 0.5)) for number in tails]
    expected = [quantile[0], quantile[1], -quantile[2], normal.inv_cdf(1000.5 / 2**16), quantile[3], quantile[0]]
    np.testing.assert_allclose(normals, expected, rtol=1e-6)


def test_moments_and_tails_are_those_of_a_normal() -> None:
    normals = latents(1, 2, range(4000), 0, 500).astype(np.float64)
    count = normals.size
    assert abs(normals.mean()) < 5 / np.sqrt(count)
    assert abs(normals.var() - 1) < 5 * np.sqrt(2 / count)
    assert abs((normals**4).mean() - 3) < 5 * np.sqrt(96 / count)
    for sigmas, probability in ((1, 0.3173105), (2, 0.0455003), (3, 0.0026998), (4, 6.334e-5)):
        beyond = np.mean(np.abs(normals) > sigmas)
        assert abs(beyond - probability) < 5 * np.sqrt(probability / count)
    assert np.abs(normals).max() < 5.9


@given(seed=uint64, event_id=uint64, indices=st.lists(uint64, min_size=1, max_size=150), data=st.data())
def test_a_row_depends_on_its_own_stream_only(
    seed: int, event_id: int, indices: list[int], data: st.DataObject
) -> None:
    together = latents(seed, event_id, indices, 0, 9)
    row = data.draw(st.integers(0, len(indices) - 1))
    np.testing.assert_array_equal(together[row], latents(seed, event_id, [indices[row]], 0, 9)[0])


@given(first=uint64, count=st.integers(1, 150), attempt=uint64, size=st.integers(1, 40))
def test_consecutive_showers_are_drawn_as_each_alone(first: int, count: int, attempt: int, size: int) -> None:
    """At the greatest index, the next one is 0."""
    indices = np.uint64(first) + np.arange(count, dtype=np.uint64)
    together = latents(3, 4, indices, attempt, size)
    for row in {0, count // 2, count - 1}:
        np.testing.assert_array_equal(together[row], latents(3, 4, indices[row : row + 1], attempt, size)[0])


streams = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 5), st.integers(0, 2))


@given(st.lists(streams, min_size=1, max_size=100))
def test_streams_of_several_orders_are_drawn_together(wanted: list[tuple[int, int, int, int]]) -> None:
    seeds, event_ids, indices, attempts = np.array(wanted, dtype=np.uint64).T
    together = Streams(7).draw(seeds, event_ids, indices, attempts)
    for row, (seed, event_id, index, attempt) in enumerate(wanted):
        np.testing.assert_array_equal(together[row], latents(seed, event_id, [index], attempt, 7)[0])


def test_every_part_of_the_stream_counts() -> None:
    numbers = [(1, 2, 3, 4), (2, 2, 3, 4), (1, 3, 3, 4), (1, 2, 4, 4), (1, 2, 3, 5)]
    rows = {latents(seed, event, [index], [attempt], 4).tobytes() for seed, event, index, attempt in numbers}
    assert len(rows) == len(numbers)
    shorter, longer = latents(1, 2, range(100), 4, 4), latents(1, 2, range(100), 4, 5)
    assert not (shorter == longer[:, :4]).all(axis=1).any()


def test_streams_are_independent() -> None:
    normals = latents(5, 6, range(2000), 0, 20).astype(np.float64)
    correlations = np.corrcoef(normals, rowvar=False) - np.eye(20)
    assert np.abs(correlations).max() < 5 / np.sqrt(2000)
    neighbours = np.mean(normals[1:] * normals[:-1])
    assert abs(neighbours) < 5 / np.sqrt(normals.size)
