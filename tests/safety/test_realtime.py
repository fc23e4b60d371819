"""In a process of its own: what is claimed and switched off here must not stay with the test run."""

import subprocess
import sys

PROGRAM = """
import gc, os, resource
from controller.safety import realtime
if {limited}:
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
refused = realtime.claim()
realtime.stop_collecting()
print(os.sched_getscheduler(0) == os.SCHED_FIFO, gc.isenabled(), gc.get_freeze_count() > 0, sep="\\n")
print(*refused, sep="\\n")
"""


def play(limited: bool) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(limited=limited)], capture_output=True, text=True, check=True
    )
    return [line for line in run.stdout.splitlines() if line]


def test_what_is_refused_is_said_and_it_goes_on() -> None:
    """Each claim either took effect or is named with what to do: there is no third way."""
    fifo, collecting, frozen, *refused = play(limited=False)
    assert (fifo == "True") is not any("SCHED_FIFO" in line for line in refused)
    assert (collecting, frozen) == ("False", "True")


def test_without_any_right_both_are_refused_in_one_line_each() -> None:
    fifo, _, _, *refused = play(limited=True)
    assert fifo == "False" and len(refused) == 2
    assert all("CPUSchedulingPolicy" in line or "LimitMEMLOCK" in line for line in refused)
