"""What the safety process may load: the standard library and ``hal.interface``, and nothing heavy of it."""

import subprocess
import sys
from pathlib import Path

import pytest

LIST = """
import sys
before = set(sys.modules)
import {}
print(*sorted(set(sys.modules) - before))
"""
ROOT = Path(__file__).parents[2]
HEAVY = {"asyncio", "logging", "multiprocessing", "sqlite3", "ssl", "json", "unittest", "pydantic", "click"}


def loaded(module: str) -> set[str]:
    command = [sys.executable, "-S", "-c", LIST.format(module)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env={}, cwd=ROOT)
    return set(run.stdout.split())


@pytest.mark.parametrize("module", ["controller.safety.core", "controller.safety.loop"])
def test_core_and_loop_load_the_standard_library_and_hal_interface_only(module: str) -> None:
    names = loaded(module)
    ours = {name for name in names if name.split(".")[0] not in sys.stdlib_module_names}
    assert ours - {"controller", "hal"} == {n for n in ours if n.startswith("controller.safety")} | {
        "hal.interface"
    }
    assert not names & HEAVY


def test_core_loads_no_shell() -> None:
    shells = {"server", "notify", "loop", "log", "realtime", "__main__"}
    assert not loaded("controller.safety.core") & {f"controller.safety.{name}" for name in shells}
    assert not loaded("controller.safety.core") & {"socket", "select", "ctypes", "fcntl"}


def test_the_process_loads_no_asyncio() -> None:
    assert not {name for name in loaded("controller.safety.__main__") if name.split(".")[0] in HEAVY}


def test_the_process_loads_nothing_that_only_its_start_needs() -> None:
    """Arguments and profile are read apart: what that takes is not resident for months."""
    once = {"argparse", "tomllib", "difflib", "hal.profile_reader", "controller.safety.arguments"}
    assert not loaded("controller.safety.__main__") & once
