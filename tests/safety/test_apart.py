import os
import subprocess
import sys
from pathlib import Path

import pytest

from controller.safety.apart import apart

ROOT = Path(__file__).parents[2]


class Refused(Exception):
    """What the child may hand back."""


def test_the_result_comes_back_and_the_work_was_done_elsewhere() -> None:
    pid, big = apart(lambda: (os.getpid(), "x" * 1_000_000), Refused)
    assert pid != os.getpid() and len(big) == 1_000_000, "more than a pipe holds at once"


def test_the_passing_exception_is_raised_here() -> None:
    def work() -> None:
        raise Refused("file 3: found 7, expected 6")

    with pytest.raises(Refused, match="file 3: found 7, expected 6"):
        apart(work, Refused)


@pytest.mark.parametrize(
    ("statement", "status", "words"),
    [
        ("1 / 0", 1, "ZeroDivisionError"),
        ("sys.exit(2)", 2, ""),
        ("os._exit(7)", 7, ""),
        ("sys.exit('no')", 1, ""),
    ],
)
def test_any_other_end_is_told_by_the_child_and_ends_the_program_with_its_status(
    statement: str, status: int, words: str
) -> None:
    program = (
        "import os, sys\n"
        "from controller.safety.apart import apart\n"
        f"def work():\n    {statement}\n"
        "apart(work, ValueError)\n"
        "print('reached')\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (run.returncode, run.stdout) == (status, "") and words in run.stderr


def test_a_child_that_is_killed_ends_the_program() -> None:
    with pytest.raises(SystemExit) as ended:
        apart(lambda: os.kill(os.getpid(), 9), Refused)
    assert ended.value.code == -9
