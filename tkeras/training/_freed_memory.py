"""Memory that a step frees and the next one takes again."""

from __future__ import annotations

import ctypes
import functools
import os

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's ``mallopt``."""
KEPT = 256 << 20
"""Bytes at the end of the heap that stay with the process when they are free."""
_LARGEST = 32 << 20
"""Bytes from which each allocation is a mapping of its own: the most that glibc takes."""


@functools.cache
def keep_freed_memory() -> bool:
    """Have the C library keep freed memory, once; whether it does.

    Otherwise it hands the results of a step back to the system, which gives the next step zeroed pages for
    them: on a CPU that costs eager steps of convolutions a tenth of their time. Environment variables that
    tune glibc's allocator are left in force.
    """
    tuned = any(name.startswith("MALLOC_") for name in os.environ) or "malloc" in os.environ.get(
        "GLIBC_TUNABLES", ""
    )
    if tuned or not _is_glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_TRIM_THRESHOLD, KEPT))


def _is_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError, OSError):
        return False
