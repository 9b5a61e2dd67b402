import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caloserve.calorimeter import CALOGAN, PARTICLES
from caloserve.calorimeter.errors import BadTensorError, InvalidRequestError, LimitExceededError, NotBuiltError
from caloserve.calorimeter.particles import PARTICLES_BY_PDG_ID
from caloserve.router.events import Assembly, EventSum, check_event, shower_request, take_apart
from caloserve.v1 import event_pb2, generator_pb2, shower_pb2, tensor_pb2
from caloserve.wire.tensors import read_cells, write_cells

OK = shower_pb2.SHOWER_STATUS_OK
DENSE = tensor_pb2.ENCODING_DENSE

kinds = st.lists(st.sampled_from([-11, 22, 211, 13, 0]), min_size=1, max_size=60)


def event(pdg_ids: list[int], **fields: object) -> event_pb2.GenerateEventRequest:
    particles = [event_pb2.Particle(pdg_id=pdg_id, kinetic_energy_gev=1 + row) for row, pdg_id in enumerate(pdg_ids)]
    return event_pb2.GenerateEventRequest(particles=particles, seed=3, event_id=4, **fields)  # type: ignore[arg-type]


def cells_of(indices: list[int]) -> np.ndarray:
    """Cells that tell which shower they are: index + 1 everywhere."""
    return np.repeat(np.array(indices, dtype=np.float32)[:, np.newaxis] + 1, CALOGAN.cells, axis=1)


def answer_to(request: generator_pb2.GenerateShowersRequest) -> generator_pb2.GenerateShowersResponse:
    answer = generator_pb2.GenerateShowersResponse()
    answer.showers.statuses[:] = [OK] * len(request.energies_gev)
    answer.provenance.particle = request.particle
    write_cells(answer.showers.cells_mev, cells_of(list(request.indices)), CALOGAN, request.options.encoding)
    return answer


@given(pdg_ids=kinds, cut=st.integers(0, 60))
def test_every_shower_comes_back_in_its_place_however_the_event_is_cut(pdg_ids: list[int], cut: int) -> None:
    request = event(pdg_ids)
    cut = min(cut, len(pdg_ids))
    cells, statuses = [], []
    for rows in (slice(0, cut), slice(cut, len(pdg_ids))):
        part = take_apart(request, rows, PARTICLES_BY_PDG_ID)
        assembly = Assembly(part)
        for pdg_id in part.rows:
            particle = PARTICLES_BY_PDG_ID[pdg_id]
            asked = shower_request(request, part, particle)
            assert {pdg_ids[index] for index in asked.indices} == {pdg_id}
            assert list(asked.energies_gev) == [1 + index for index in asked.indices]
            assert (asked.particle, asked.seed, asked.event_id) == (particle.name, 3, 4)
            assembly.add(particle, answer_to(asked))
        cells.append(assembly.cells_mev)
        statuses += part.statuses.tolist()
    served = np.isin(pdg_ids, list(PARTICLES_BY_PDG_ID))
    expected = np.where(served[:, np.newaxis], cells_of(list(range(len(pdg_ids)))), 0)
    np.testing.assert_array_equal(np.concatenate(cells), expected)
    assert [status == OK for status in statuses] == served.tolist()


@given(pdg_ids=kinds)
def test_a_written_answer_has_a_status_per_particle_and_a_reason_per_failure(pdg_ids: list[int]) -> None:
    request = event(pdg_ids)
    part = take_apart(request, slice(0, len(pdg_ids)), PARTICLES_BY_PDG_ID)
    assembly = Assembly(part)
    for pdg_id in part.rows:
        assembly.fail(PARTICLES_BY_PDG_ID[pdg_id], shower_pb2.SHOWER_STATUS_UNAVAILABLE, "gone")
    answer = event_pb2.GenerateEventResponse()
    answer.showers.cells_mev.data = bytes(assembly.write(answer, DENSE, with_cells=True))
    assert [error.row for error in answer.showers.errors] == list(range(len(pdg_ids)))
    assert [error.status for error in answer.showers.errors] == list(answer.showers.statuses)
    assert not read_cells(answer.showers.cells_mev, (len(pdg_ids), 504), CALOGAN).any()


@given(pdg_ids=kinds, encoding=st.sampled_from([DENSE, tensor_pb2.ENCODING_BITMAP]), most=st.integers(0, 3))
def test_draws_and_cells_keep_their_order_in_either_encoding(
    pdg_ids: list[int], encoding: tensor_pb2.Encoding, most: int
) -> None:
    request = event(pdg_ids, options=shower_pb2.GenerationOptions(encoding=encoding))
    assembly = Assembly(take_apart(request, slice(0, len(pdg_ids)), PARTICLES_BY_PDG_ID))
    for pdg_id, rows in assembly.part.rows.items():
        asked = shower_request(request, assembly.part, PARTICLES_BY_PDG_ID[pdg_id])
        made = answer_to(asked)
        assert made.showers.cells_mev.encoding == encoding
        if pdg_id == 211 and most > 1:
            made.showers.attempts[:] = [1 + row % most for row in rows.tolist()]
        assembly.add(PARTICLES_BY_PDG_ID[pdg_id], made)
    answer = event_pb2.GenerateEventResponse()
    answer.showers.cells_mev.data = bytes(assembly.write(answer, encoding, with_cells=True))
    assert answer.showers.cells_mev.encoding == encoding
    cells = read_cells(answer.showers.cells_mev, (len(pdg_ids), 504), CALOGAN)
    served = np.isin(pdg_ids, list(PARTICLES_BY_PDG_ID))
    rows = np.arange(len(pdg_ids))
    assert cells[:, 0].tolist() == np.where(served, rows + 1, 0).tolist()
    draws = np.where(np.array(pdg_ids) == 211, 1 + rows % max(most, 1), served)
    assert list(answer.showers.attempts) == (draws.tolist() if most > 1 and 211 in pdg_ids else [])


def test_an_oblique_particle_is_refused_alone() -> None:
    request = event([22, 22])
    request.particles[1].impact.phi_mm = 3.0
    part = take_apart(request, slice(0, 2), PARTICLES_BY_PDG_ID)
    assert part.rows[22].tolist() == [0]
    assert part.statuses.tolist() == [0, shower_pb2.SHOWER_STATUS_UNIMPLEMENTED]


def test_the_pinned_release_goes_to_its_kind_only() -> None:
    request = event([22, -11], releases={"gamma": "1.2.3"})
    part = take_apart(request, slice(0, 2), PARTICLES_BY_PDG_ID)
    pins = {name: shower_request(request, part, PARTICLES[name]).release for name in ("gamma", "eplus")}
    assert pins == {"gamma": "1.2.3", "eplus": ""}


def test_an_answer_of_another_size_is_refused() -> None:
    request = event([22, 22])
    part = take_apart(request, slice(0, 2), PARTICLES_BY_PDG_ID)
    asked = shower_request(request, part, PARTICLES["gamma"])
    short = answer_to(asked)
    del short.showers.statuses[1:]
    with pytest.raises(BadTensorError, match="1 statuses for 2 showers"):
        Assembly(part).add(PARTICLES["gamma"], short)
    tried = answer_to(asked)
    tried.showers.attempts.append(1)
    with pytest.raises(BadTensorError, match="1 attempts for 2 showers"):
        Assembly(part).add(PARTICLES["gamma"], tried)
    del asked.indices[1:]
    with pytest.raises(BadTensorError, match="shape"):
        Assembly(part).add(PARTICLES["gamma"], answer_to(asked))


@given(rows=st.integers(1, 50), cuts=st.lists(st.integers(0, 50), max_size=3), seed=st.integers(0, 100))
def test_a_sum_is_added_in_index_order_however_it_is_cut(rows: int, cuts: list[int], seed: int) -> None:
    cells = np.random.default_rng(seed).lognormal(0, 6, size=(rows, 504)).astype(np.float32)
    total = EventSum()
    for part in np.split(cells, sorted(min(cut, rows) for cut in cuts)):
        total.add(part)
    one_by_one = np.zeros(504)
    for row in cells:
        one_by_one = one_by_one + row
    tensor = tensor_pb2.Tensor()
    total.write(tensor, DENSE)
    assert read_cells(tensor, (504,), CALOGAN).tobytes() == one_by_one.astype(np.float32).tobytes()


def test_what_is_malformed_as_a_whole_is_refused() -> None:
    def check(request: event_pb2.GenerateEventRequest) -> None:
        check_event(request, most=3, advice="split it")

    check(event([22, 13, 0]))
    with pytest.raises(InvalidRequestError, match="particles: is empty"):
        check(event([]))
    with pytest.raises(LimitExceededError, match="particles: 4 particles, at most 3 per call; split it"):
        check(event([22] * 4))
    with pytest.raises(InvalidRequestError, match="output: 9"):
        check(event([22], output=9))
    with pytest.raises(InvalidRequestError, match=r"options\.geometry_id"):
        check(event([22], options=shower_pb2.GenerationOptions(geometry_id="atlas")))
    with pytest.raises(NotBuiltError, match=r"options\.domain_policy"):
        check(event([22], options=shower_pb2.GenerationOptions(domain_policy=shower_pb2.DOMAIN_POLICY_FULL_SIMULATION)))
    with pytest.raises(InvalidRequestError, match=r"options\.max_attempts"):
        check(event([22], options=shower_pb2.GenerationOptions(max_attempts=3)))


def test_given_indices_are_those_of_the_random_streams() -> None:
    request = event([22, -11, 22], indices=[7, 2**64 - 1, 3])
    part = take_apart(request, slice(1, 3), PARTICLES_BY_PDG_ID)
    assert list(shower_request(request, part, PARTICLES["gamma"]).indices) == [3]
    assert list(shower_request(request, part, PARTICLES["eplus"]).indices) == [2**64 - 1]


def test_another_number_of_indices_or_a_release_of_no_kind_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="indices: 1 for 2 showers"):
        check_event(event([22, 22], indices=[3]), most=3, advice="")
    with pytest.raises(InvalidRequestError, match=r"releases\['gama'\]"):
        check_event(event([22], releases={"gama": "7.0.0"}), most=3, advice="")


def test_an_error_of_a_row_that_is_not_there_is_refused() -> None:
    request = event([22, 22])
    part = take_apart(request, slice(0, 2), PARTICLES_BY_PDG_ID)
    answer = answer_to(shower_request(request, part, PARTICLES["gamma"]))
    answer.showers.errors.add(row=2, status=shower_pb2.SHOWER_STATUS_INTERNAL)
    with pytest.raises(BadTensorError, match="beyond the 2 showers"):
        Assembly(part).add(PARTICLES["gamma"], answer)
    assert part.statuses.tolist() == [0, 0]


def test_a_sum_that_no_float32_holds_is_refused() -> None:
    total = EventSum()
    total.add(np.full((200, 504), 3e38, dtype=np.float32))
    with pytest.raises(InvalidRequestError, match="add up to more"):
        total.write(tensor_pb2.Tensor(), DENSE)
