from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from caloserve.calorimeter import CALOGAN
from caloserve_training.geant4.detector import PAPER
from caloserve_training.geant4.parts import Parts, missing_spans, record, record_length, split_records


def images(seed: int) -> list[np.ndarray]:
    chooser = np.random.default_rng(seed)
    return [chooser.exponential(size=PAPER.cells_across(layer)) for layer in CALOGAN.layers]


def test_a_record_holds_the_images_and_what_fell_beside_them() -> None:
    whole = images(1)
    row = record(CALOGAN, 12.5, whole)
    columns = split_records(CALOGAN, row[np.newaxis])
    assert columns["energy"].tolist() == [[12.5]]
    np.testing.assert_array_equal(columns["layer_0"][0], whole[0][2:5, 64:160].astype(np.float32))
    np.testing.assert_array_equal(columns["layer_2"][0], whole[2][8:20, 4:10].astype(np.float32))
    total = sum(columns[name].sum(dtype=np.float64) for name in ("layer_0", "layer_1", "layer_2", "overflow"))
    np.testing.assert_allclose(total, sum(image.sum() for image in whole), rtol=1e-6)


def test_a_torn_record_is_never_read(tmp_path: Path) -> None:
    parts = Parts(tmp_path, CALOGAN)
    records = [record(CALOGAN, energy, images(energy)) for energy in (1, 2, 3)]
    parts.path(5).write_bytes(b"".join(row.tobytes() for row in records)[:-1])
    parts.path(0).write_bytes(records[0].tobytes())
    assert parts.spans() == [(0, 1), (5, 7)]
    rows = np.zeros((7, record_length(CALOGAN)), dtype=np.float32)
    parts.read(rows)
    assert rows[:, 0].tolist() == [1, 0, 0, 0, 0, 1, 2]


@given(
    spans=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10)).map(lambda pair: (pair[0], sum(pair)))),
    count=st.integers(1, 30),
)
def test_missing_spans_are_what_no_span_holds(spans: list[tuple[int, int]], count: int) -> None:
    held = {index for start, stop in spans for index in range(start, stop)}
    missing = [index for start, stop in missing_spans(spans, count) for index in range(start, stop)]
    assert missing == [index for index in range(count) if index not in held]
