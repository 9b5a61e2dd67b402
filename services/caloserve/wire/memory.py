"""Memory of servers: kept where it is used again, and not searched where it stays."""

import ctypes
import gc
from typing import Final

_TRIM_THRESHOLD: Final = -1
_TOP_PAD: Final = -2
_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 128 * 1024 * 1024
_ANSWERS_BYTES: Final = 32 * 1024 * 1024
_OBJECTS_BETWEEN_SEARCHES: Final = 20_000


def keep_freed_memory() -> None:
    """Let the C library keep what this process frees, up to 128 MB.

    By default it gives blocks of the size of an answer back to the system at once, and every new answer pays for its
    pages again: encoding 512 showers took 2.2 ms instead of 0.1. C libraries other than glibc are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _ANSWERS_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_TOP_PAD, _ANSWERS_BYTES)


def keep_loaded_objects() -> None:
    """Let Python search for garbage seldom, and not among what has been loaded by now.

    A full search through it held all callers up for 15 ms, once in a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_SEARCHES)
