import pytest

from caloserve_client.limits import SMALL, Limits, stream_timeout


def test_what_fits_one_answer() -> None:
    assert SMALL.fits_one_answer(512)
    assert Limits(showers_per_call=100_000).fits_one_answer(1536)
    assert not Limits(showers_per_call=100_000).fits_one_answer(1537)
    assert not Limits(showers_per_call=100).fits_one_answer(101)


def test_streams_have_a_size() -> None:
    assert Limits(showers_per_stream=0).stream_size == 1
    assert Limits(showers_per_stream=7).stream_size == 7
    assert Limits(showers_per_stream=10**9).stream_size == 100_000


@pytest.mark.parametrize(("showers", "seconds"), [(0, 10), (1, 10), (1536, 10), (1537, 20), (100_000, 660)])
def test_a_stream_gets_time_for_its_size(showers: int, seconds: float) -> None:
    assert stream_timeout(10, showers) == seconds
    assert stream_timeout(None, showers) is None
