"""Memory for answers, used again instead of asked for anew."""

import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1
_TOP_PAD: Final = -2
_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 128 * 1024 * 1024
_ANSWERS_BYTES: Final = 32 * 1024 * 1024


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
