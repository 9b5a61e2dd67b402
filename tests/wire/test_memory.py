import gc

from caloserve.wire.memory import keep_loaded_objects


def test_what_is_loaded_is_not_searched_for_garbage_and_what_comes_later_is() -> None:
    usual = gc.get_threshold()
    try:
        keep_loaded_objects()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] > usual[0]
        later: list[object] = []
        later.append(later)
        del later
        assert gc.collect() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*usual)
