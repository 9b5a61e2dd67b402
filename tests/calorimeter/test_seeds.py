import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caloserve.calorimeter import SAMPLER_VERSION, latents
from caloserve.calorimeter.seeds import normals_from_words

uint64 = st.integers(0, 2**64 - 1)

GOLDEN = {
    (0, 0, 0, 0): [0xBFE85A88, 0xC01166CD, 0x3E919DA1, 0xBF338A3B, 0xBEB00C81, 0xBF9C078D],
    (7, 3, 5, 1): [0xBFC05EC2, 0x3FD0C070, 0xBEFDA06F, 0xBF92A34F, 0xBFF57877, 0xBF8AAA7A],
    (2**64 - 1,) * 4: [0x3E3F78DD, 0xBE83DAA5, 0x3ED20E66, 0xBF3B9A6E, 0x3FFA1802, 0x3EF8D43E],
}
"""The first normals of three streams, as bits, for sampler version 1."""


@pytest.mark.parametrize("stream", GOLDEN)
def test_golden_vectors(stream: tuple[int, int, int, int]) -> None:
    assert SAMPLER_VERSION == 1, "a new sampler version needs golden vectors of its own"
    seed, event_id, index, attempt = stream
    assert latents(seed, event_id, [index], attempt, 6).view("u4")[0].tolist() == GOLDEN[stream]


def test_golden_digest_of_many_showers() -> None:
    normals = latents(20171, 2, range(200), 0, 540)
    digest = hashlib.sha256(normals.astype("<f4").tobytes()).hexdigest()
    assert digest == "e6303fdc8427f3d64f166fd8cb08f1e6fcdee08cfdc1cb942c6a66f3240c3153"


def test_golden_vectors_of_the_transform() -> None:
    words = np.array([0, 1, 2**20 - 1, 2**20, 2**31, 2**32 - 2**20, 2**32 - 1], dtype=np.uint32)
    expected = [0xC0AD6E80, 0xC0AD6A7E, 0xC05F2CB8, 0xC05F2CB7, 0x2FA06C9A, 0x405F2CB8, 0x40AD6E80]
    assert normals_from_words(words).view("u4").tolist() == expected


def test_the_transform_is_monotone_and_symmetric() -> None:
    words = np.linspace(0, 2**32 - 1, 200_001).astype(np.uint32)
    lower = normals_from_words(words)
    assert np.all(np.diff(lower) >= 0)
    np.testing.assert_allclose(normals_from_words(~words), -lower, atol=2e-6)


def test_moments_and_tails_are_those_of_a_normal() -> None:
    normals = latents(1, 2, range(4000), 0, 500).astype(np.float64)
    count = normals.size
    assert abs(normals.mean()) < 5 / np.sqrt(count)
    assert abs(normals.var() - 1) < 5 * np.sqrt(2 / count)
    assert abs((normals**4).mean() - 3) < 5 * np.sqrt(96 / count)
    for sigmas, probability in ((1, 0.3173105), (2, 0.0455003), (3, 0.0026998), (4, 6.334e-5)):
        beyond = np.mean(np.abs(normals) > sigmas)
        assert abs(beyond - probability) < 5 * np.sqrt(probability / count)
    assert np.abs(normals).max() < 5.5


@given(seed=uint64, event_id=uint64, indices=st.lists(uint64, min_size=1, max_size=150), data=st.data())
def test_a_row_depends_on_its_own_stream_only(
    seed: int, event_id: int, indices: list[int], data: st.DataObject
) -> None:
    together = latents(seed, event_id, indices, 0, 9)
    row = data.draw(st.integers(0, len(indices) - 1))
    np.testing.assert_array_equal(together[row], latents(seed, event_id, [indices[row]], 0, 9)[0])


@given(seed=uint64, event_id=uint64, index=uint64, attempt=uint64, size=st.integers(0, 40))
def test_a_longer_stream_begins_with_the_shorter(seed: int, event_id: int, index: int, attempt: int, size: int) -> None:
    longer = latents(seed, event_id, [index], attempt, 41)
    np.testing.assert_array_equal(longer[:, :size], latents(seed, event_id, [index], attempt, size))


def test_every_part_of_the_stream_counts() -> None:
    streams = [(1, 2, 3, 4), (2, 2, 3, 4), (1, 3, 3, 4), (1, 2, 4, 4), (1, 2, 3, 5)]
    rows = {latents(seed, event, [index], [attempt], 4).tobytes() for seed, event, index, attempt in streams}
    assert len(rows) == len(streams)


def test_streams_are_independent() -> None:
    normals = latents(5, 6, range(2000), 0, 20).astype(np.float64)
    correlations = np.corrcoef(normals, rowvar=False) - np.eye(20)
    assert np.abs(correlations).max() < 5 / np.sqrt(2000)
    neighbours = np.mean(normals[1:] * normals[:-1])
    assert abs(neighbours) < 5 / np.sqrt(normals.size)
