"""The units as systemd reads them, and the promises their comments make."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from controller.reboot import DEFAULT_COMMAND

UNITS = Path(__file__).parents[2] / "systemd"
INSTALLED = "/opt/joulepost/bin/joulepost"
SERVICES = ("joulepost-safety.service", "joulepost-controller.service")


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed here, so systemd's own reading of the files was not checked")
    return path


def section(unit: str, name: str) -> dict[str, str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNITS / unit)
    return dict(parser[name])


def test_systemd_analyze_verify_is_clean(tmp_path: Path) -> None:
    program = tmp_path / "joulepost"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copies = []
    for name in SERVICES:
        text = (UNITS / name).read_text()
        assert INSTALLED in text
        copy = tmp_path / name
        copy.write_text(text.replace(INSTALLED, str(program)))
        copies.append(str(copy))
    run = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", *copies],
        capture_output=True,
        text=True,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )
    # It ends with 0 in spite of unknown keys: what counts is that it has nothing to say.
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


def test_systemd_analyze_would_have_found_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "wrong.service").write_text("[Service]\nExecStart=/bin/true\nWatchdogSex=1s\n")
    run = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", str(tmp_path / "wrong.service")],
        capture_output=True,
        text=True,
    )
    assert "WatchdogSex" in run.stdout + run.stderr


def test_sysusers_and_tmpfiles_do_what_the_units_rely_on(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip(
            "systemd-sysusers and systemd-tmpfiles change owners: only root can try them in a root of its own"
        )
    (tmp_path / "etc").mkdir()
    groups = "root:x:0:\ndialout:x:20:\n"
    (tmp_path / "etc/group").write_text(groups)
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    for name, *arguments in (
        ("systemd-sysusers", str(UNITS / "joulepost.sysusers.conf")),
        ("systemd-tmpfiles", "--create", str(UNITS / "joulepost.tmpfiles.conf")),
    ):
        run = subprocess.run([tool(name), f"--root={tmp_path}", *arguments], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
    assert re.search(r"^joulepost:", (tmp_path / "etc/passwd").read_text(), re.MULTILINE)
    for group in ("gpio", "spi", "dialout"):
        assert re.search(rf"^{group}:.*\bjoulepost\b", (tmp_path / "etc/group").read_text(), re.MULTILINE)
    assert (tmp_path / "run/joulepost").stat().st_mode & 0o777 == 0o750


def test_nothing_that_happens_to_the_controller_stops_the_safety_process() -> None:
    for name in SERVICES:
        keys = section(name, "Unit")
        assert not keys.keys() & {
            "Requires",
            "Requisite",
            "BindsTo",
            "PartOf",
            "Conflicts",
            "StopPropagatedFrom",
        }
    assert "joulepost-safety.service" in section(SERVICES[1], "Unit")["Wants"]
    assert not re.search(
        "controller|network", " ".join(section(SERVICES[0], "Unit").get("After", "").split())
    )


def test_the_safety_unit_keeps_the_designs_promises() -> None:
    keys = section(SERVICES[0], "Service")
    assert keys["Type"] == "notify" and keys["WatchdogSec"] == "1s" and keys["Restart"] == "always"
    assert "--outputs-off" in keys["ExecStopPost"]
    assert keys["CPUSchedulingPolicy"] == "fifo" and keys["CPUSchedulingPriority"] == "50"
    assert keys["LimitRTPRIO"] == "50" and keys["LimitMEMLOCK"] == "infinity"
    assert section(SERVICES[0], "Unit")["StartLimitIntervalSec"] == "0"


def test_the_readme_names_every_file() -> None:
    text = (UNITS / "README.md").read_text()
    assert all(path.name in text for path in UNITS.iterdir() if path.name != "README.md")


def test_the_controllers_user_may_restart_the_machine_and_nothing_else() -> None:
    """Plain ES5: polkit's interpreter knows little more."""
    text = (UNITS / "50-joulepost-reboot.rules").read_text()
    assert section(SERVICES[1], "Service")["User"] == "joulepost" and 'subject.user == "joulepost"' in text
    actions = set(re.findall(r'"(org\.freedesktop[^"]+)"', text))
    assert actions == {f"org.freedesktop.login1.reboot{more}" for more in ("", "-multiple-sessions")}
    assert not re.search(r"=>|\bconst\b|\blet\b|includes", text)
    assert DEFAULT_COMMAND == ("systemctl", "reboot"), "what these two actions allow"


def test_a_crash_of_the_controller_leaves_no_memory_behind() -> None:
    """Passwords are in it."""
    assert "\nLimitCORE=0\n" in (UNITS / "joulepost-controller.service").read_text()
