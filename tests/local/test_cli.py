import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from controller.local import exits
from controller.local.cli import main
from controller.local.commands.contactor import verdict
from tests.local.support import served_controller


@pytest.fixture(autouse=True)
def no_station_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JOULEPOST_DIR", raising=False)
    monkeypatch.delenv("JOULEPOST_RUNTIME", raising=False)


def joulepost(capsys: pytest.CaptureFixture[str], *args: str | Path) -> tuple[int, str, str]:
    status = main([str(arg) for arg in args])
    found = capsys.readouterr()
    return status, found.out, found.err


def test_an_unknown_command_is_usage_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = joulepost(capsys, "statsu")
    assert status == exits.USAGE
    assert "Did you mean status" in err
    status, _, err = joulepost(capsys, "bench", "plugg")
    assert (status, "Did you mean plug" in err) == (exits.USAGE, True)
    status, _, err = joulepost(capsys, "xyzzy")
    assert (status, "Try `joulepost --help`" in err) == (exits.USAGE, True)


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = joulepost(capsys)
    assert (status, "Commands:" in out) == (exits.OK, True)


def test_help_is_not_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert joulepost(capsys, "bench", "--help")[0] == exits.OK


@pytest.mark.parametrize(
    "command", ["status", "why", "faults", "contactor", "journal", "watch", "settings list"]
)
def test_not_running_is_status_3_and_says_how_to_start(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    (tmp_path / "run").mkdir()
    status, _, err = joulepost(capsys, *command.split(), "--dir", tmp_path)
    assert status == exits.UNREACHABLE
    assert "the controller is not running" in err
    assert "joulepost run --dir" in err


def test_bench_and_csms_not_running_name_their_own_start(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    status, _, err = joulepost(capsys, "bench", "plug", "--dir", tmp_path)
    assert (status, "joulepost bench serve" in err) == (exits.UNREACHABLE, True)
    status, _, err = joulepost(capsys, "csms", "send", "reset", "--dir", tmp_path)
    assert (status, "joulepost csms --dir" in err) == (exits.UNREACHABLE, True)


def test_a_wrong_directory_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, _, err = joulepost(capsys, "status", "--dir", tmp_path / "nope")
    assert status == exits.UNREACHABLE
    assert f"no directory {tmp_path / 'nope' / 'run'}" in err
    assert "check --dir" in err


def test_status_as_text_and_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with served_controller(tmp_path / "run"):
        status, out, _ = joulepost(capsys, "status", "--dir", tmp_path)
        assert status == exits.OK
        assert "online with ocpp1.6" in out
        assert "Charging" in out and "15.9 A" in out and "1.234 kWh" in out and "04A1B2C3" in out
        status, out, _ = joulepost(capsys, "status", "--json", "--runtime", tmp_path / "run")
        assert json.loads(out)["evses"][0]["offered_ma"] == 16000


def test_the_environment_finds_the_station(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOULEPOST_DIR", str(tmp_path))
    with served_controller(tmp_path / "run"):
        assert joulepost(capsys, "status")[0] == exits.OK


def test_why_names_what_the_controller_says_and_refuses_an_unknown_evse(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with served_controller(tmp_path / "run"):
        status, out, _ = joulepost(capsys, "why", "--dir", tmp_path)
        assert status == exits.OK
        assert out.startswith("EVSE 1: not charging: no vehicle\n")
        assert "rating" in out and "32 A" in out and "board" in out
        status, _, err = joulepost(capsys, "why", "7", "--dir", tmp_path)
        assert (status, "expected 1..1, found 7" in err) == (exits.USAGE, True)


def test_settings_get_set_list_with_their_statuses(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    here = ("--dir", tmp_path)
    with served_controller(tmp_path / "run"):
        assert joulepost(capsys, "settings", "get", "TxCtrlr.EVConnectionTimeOut", *here)[1] == "60\n"
        status, out, _ = joulepost(capsys, "settings", "set", "TxCtrlr.EVConnectionTimeOut", "90", *here)
        assert (status, out) == (exits.OK, "TxCtrlr.EVConnectionTimeOut = 90\n")
        assert "90" in joulepost(capsys, "settings", "list", "connection", *here)[1]
        assert "FieldLength" not in joulepost(capsys, "settings", "list", "connection", *here)[1]
        status, _, err = joulepost(capsys, "settings", "get", "EVConnectionTimeout", *here)
        assert (status, "did you mean" in err) == (exits.USAGE, True)
        status, _, err = joulepost(capsys, "settings", "set", "OCPPCommCtrlr.FieldLength", "1", *here)
        assert (status, "read-only" in err) == (exits.REFUSED, True)


def test_journal_shows_the_newest_and_those_after(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with served_controller(tmp_path / "run"):
        _, out, _ = joulepost(capsys, "journal", "-n", "2", "--dir", tmp_path)
        assert [line.split()[0] for line in out.splitlines()] == ["2", "3"]
        assert "SessionStarted" in out and "evse_id=1" in out
        _, out, _ = joulepost(capsys, "journal", "--after", "1", "--json", "--dir", tmp_path)
        assert [entry["seq"] for entry in json.loads(out)] == [2, 3]
        assert joulepost(capsys, "journal", "-n", "0", "--dir", tmp_path)[0] == exits.USAGE


def test_faults_tell_what_to_do_now_and_what_was(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with served_controller(tmp_path / "run"):
        _, out, _ = joulepost(capsys, "faults", "--dir", tmp_path)
        assert out.startswith("EVSE 1: over-current (stop) since ")
        assert "to do       try another vehicle" in out
        assert "1.6 OverCurrentFailure, ChargeX CX004" in out
        assert out.splitlines()[-1].endswith("the vehicle draws more than it is offered")
        _, out, _ = joulepost(capsys, "faults", "--json", "-n", "1", "--dir", tmp_path)
        assert [row["until_ms"] for row in json.loads(out)] == [None, 900]


def test_contactor_tells_its_life(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with served_controller(tmp_path / "run"):
        _, out, _ = joulepost(capsys, "contactor", "--dir", tmp_path)
        assert out.splitlines()[1].split() == [
            *("1", "closed", "1234", "5", "21", "ms", "(new", "20)", "-", "2.6", "%", "good")
        ]
        _, out, _ = joulepost(capsys, "contactor", "--json", "--dir", tmp_path)
        assert json.loads(out)[0]["operations"] == 1234


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"welded": True}, "WELDED"),
        ({"wear_permille": 800}, "worn"),
        ({"slow": True}, "slow"),
        ({}, "good"),
    ],
)
def test_the_verdict_on_a_contactor(change: dict[str, object], word: str) -> None:
    assert verdict({"welded": False, "wear_permille": 799, "slow": False, **change}).startswith(word)


def test_present_and_command_reach_the_controller(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    here = ("--dir", tmp_path)
    with served_controller(tmp_path / "run") as (controller, _):
        assert joulepost(capsys, "present", "04A1", "--evse", "1", *here)[0] == exits.OK
        assert joulepost(capsys, "command", "remote_stop", "transaction_id=41", *here)[0] == exits.OK
        assert (
            joulepost(capsys, "command", "reset_faults", "evse_id=1", *here)[1] == "reset_faults: Accepted\n"
        )
        status, out, _ = joulepost(capsys, "command", "unlock_connector", "evse_id=1", *here)
        assert (status, out) == (exits.REFUSED, 'unlock_connector: UnlockFailed {"reason": "LockFault"}\n')
        assert joulepost(capsys, "command", "dance", *here)[0] == exits.USAGE
        assert joulepost(capsys, "command", "reset", "kind", *here)[0] == exits.USAGE
    assert controller.calls == [
        ("token", ("04A1", 1)),
        ("remote_stop", {"transaction_id": "41"}),
        ("reset_faults", {"evse_id": 1}),
        ("unlock_connector", {"evse_id": 1}),
    ]


def test_config_check_says_good_or_every_problem_with_status_4(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from controller.config import desk_config

    file = tmp_path / "station.toml"
    file.write_text(desk_config(tmp_path, evses=2))
    status, out, _ = joulepost(capsys, "config", "check", file)
    assert (status, "good: station DESK01, 2 EVSE on board simulated" in out) == (exits.OK, True)
    file.write_text(file.read_text().replace("[csms]", "[csms]\nulr = 1").replace("evses = 2", "evses = 0"))
    status, out, _ = joulepost(capsys, "config", "check", file, "--json")
    found = json.loads(out)
    assert (status, found["ok"], len(found["problems"])) == (exits.CONFIGURATION, False, 2)
    assert any("csms.ulr" in line and "did you mean url" in line for line in found["problems"])
    status, out, _ = joulepost(capsys, "config", "check", tmp_path / "nope.toml")
    assert (status, "no such file" in out) == (exits.CONFIGURATION, True)
    file.write_text(desk_config(tmp_path).replace('profile = "simulated"', 'profile = "simulatd"'))
    status, out, _ = joulepost(capsys, "config", "check", file)
    assert (status, "simulatd" in out) == (exits.CONFIGURATION, True)


def test_controller_with_a_missing_or_wrong_configuration_is_status_4(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, _, err = joulepost(capsys, "controller", "--config", tmp_path / "station.toml")
    assert (status, "no such file" in err) == (exits.CONFIGURATION, True)
    status, _, err = joulepost(capsys, "controller", "--set", "nonsense")
    assert (status, "expected NAME=VALUE" in err) == (exits.USAGE, True)


def test_run_refuses_a_wrong_station_toml_before_starting_anything(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "station.toml").write_text("[station]\n")
    status, _, err = joulepost(capsys, "run", "--dir", tmp_path)
    assert (status, "station.id" in err) == (exits.CONFIGURATION, True)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["station.toml"]


def test_run_names_a_directory_too_long_for_sockets(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, _, err = joulepost(capsys, "run", "--dir", tmp_path / ("d" * 100))
    assert (status, "at most 107" in err) == (exits.CONFIGURATION, True)


def test_csms_names_a_port_in_use(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, err = joulepost(capsys, "csms", "--port", str(port), "--dir", tmp_path)
    assert status == exits.FAILED
    assert f"port {port} on 127.0.0.1 is in use" in err and "--port" in err


def test_csms_names_a_wrong_certificate(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("no certificate")
    status, _, err = joulepost(capsys, "csms", "--port", "0", "--dir", tmp_path, "--cert", tmp_path / "x.pem")
    assert (status, "x.pem" in err) == (exits.FAILED, True)


def test_bench_names_a_wrong_board_and_a_wrong_speed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, _, err = joulepost(capsys, "bench", "serve", "--dir", tmp_path, "--board", "simulatd")
    assert (status, "simulatd" in err) == (exits.FAILED, True)
    status, _, err = joulepost(capsys, "bench", "serve", "--dir", tmp_path, "--speed", "0")
    assert (status, "speed" in err) == (exits.FAILED, True)


def test_version_prints_python_too(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = joulepost(capsys, "version", "--json")
    assert (status, set(json.loads(out))) == (exits.OK, {"joulepost", "python", "machine"})


def test_a_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    with served_controller(tmp_path / "run"):
        reader, writer = os.pipe()
        os.close(reader)
        found = subprocess.run(
            [sys.executable, "-m", "controller.local.cli", "status", "--dir", tmp_path],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(writer)
    assert (found.returncode, found.stderr) == (exits.FAILED, "")


def test_safety_becomes_a_program_of_its_own_before_click_is_imported() -> None:
    found = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "controller.local.cli", "safety", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--board" in found.stdout
    assert "click" not in found.stderr
