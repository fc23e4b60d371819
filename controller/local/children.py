"""Child processes that die with their parent.

Owns: starting one in a process group of its own (a Ctrl-C reaches only the parent, which stops its children
in order), PR_SET_PDEATHSIG, and ending one in bounded time.
Refuses to know: what the child is. Linux only, as the rest of the program.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(number: int) -> Callable[[], None]:
    """For ``preexec_fn``: the kernel sends ``number`` when the thread that started the child ends, however it
    ends. Call from the main thread."""
    parent = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True)

    def arm() -> None:
        if libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
        if os.getppid() != parent:
            os._exit(1)  # the parent died before the kernel was asked

    return arm


def joulepost(*args: str) -> list[str]:
    """The command line of this program, with the interpreter that runs now."""
    return [sys.executable, "-m", "controller.local.cli", *args]


def end_all(children: Sequence[subprocess.Popen[bytes]], timeout_s: float = 5.0) -> list[str]:
    """SIGTERM one after the other in the order given, SIGKILL for whoever is still there after ``timeout_s``.

    Returns the pids that had to be killed, as text for a message."""
    killed: list[str] = []
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(timeout_s)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                killed.append(str(child.pid))
    return killed
