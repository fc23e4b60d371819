import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from controller.local.children import die_with_parent, end_all

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEPER


def gone(pid: int) -> bool:
    """True once the process is dead (a zombie that init has not yet collected counts)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_child_dies_when_its_parent_is_killed() -> None:
    code = f"""
import signal, subprocess, sys, time
from controller.local.children import die_with_parent
child = subprocess.Popen([sys.executable, "-c", {SLEEPER!r}], stdout=subprocess.PIPE,
                         preexec_fn=die_with_parent(signal.SIGKILL), process_group=0)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        os.kill(parent.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while not gone(pid):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_end_all_asks_first_and_kills_who_does_not_listen() -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, preexec_fn=die_with_parent(signal.SIGKILL)
        )
        for code in (SLEEPER, STUBBORN)
    ]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()
    killed = end_all(children, timeout_s=0.2)
    assert killed == [str(children[1].pid)]
    assert [child.returncode for child in children] == [-signal.SIGTERM, -signal.SIGKILL]
    assert end_all(children) == []
    for child in children:
        assert child.stdout is not None
        child.stdout.close()
