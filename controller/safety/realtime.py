"""Asking the kernel for real-time scheduling and resident memory, and saying plainly when it refuses.

Owns: SCHED_FIFO, mlockall and Python's garbage collector. Refuses to know: the loop.
"""

from __future__ import annotations

import ctypes
import gc
import os

PRIORITY = 50
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4


def claim() -> list[str]:
    """Become a real-time process as far as allowed. Returns what was refused, one line each, and goes on."""
    refused = []
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except OSError as error:
        refused.append(
            f"no SCHED_FIFO priority {PRIORITY} ({error.strerror}): the loop may be late under load; "
            "run as a service with CPUSchedulingPolicy=fifo, or as root"
        )
    # ONFAULT: what was used once stays, instead of pulling in every page of every library.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0:
        refused.append(
            f"no mlockall ({os.strerror(ctypes.get_errno())}): a page read back from a slow card may delay "
            "the loop; set LimitMEMLOCK=infinity"
        )
    return refused


def stop_collecting() -> None:
    """No garbage collection from here on: the loop makes no cycles, and a collection is a pause.

    Everything alive is moved out of the collector's sight first, so that a collection in an exception's
    wake, should one ever be asked for, is short.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
