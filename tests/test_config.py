from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.config import (
    ConfigError,
    CsmsConfig,
    FirmwareConfig,
    apply_overrides,
    check_evses,
    desk_config,
    load_config,
    parse_config,
)
from controller.settings import catalog as c
from tests.settings.support import station

REPOSITORY = Path(__file__).parents[1]
MINIMAL = '[station]\nid = "CP001"\n[board]\nprofile = "simulated"\n'
AT = Path("/etc/joulepost/station.toml")


def problems(text: str, path: Path = AT) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, path)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)


def test_the_example_of_the_documentation_is_right() -> None:
    config = load_config(REPOSITORY / "docs" / "station.example.toml")
    assert (config.station.id, config.storage_dir) == ("CP001", Path("/var/lib/joulepost"))
    assert config.csms is not None
    assert config.csms.versions == ("ocpp2.0.1", "ocpp1.6")
    assert (config.limit_ma(1), config.limit_ma(2), config.board.evses) == (16_000, None, 2)
    settings = station(initial=config.initial_settings)
    assert (settings[c.SAMPLED_INTERVAL], settings[c.EV_CONNECTION_TIMEOUT]) == (30, 90)
    assert len(settings[c.SAMPLED_MEASURANDS]) == 2


def test_every_key_of_the_documentation_exists_and_the_other_way_round() -> None:
    page = (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8")
    tables = {"station": 7, "csms": 10, "board": 3, "[evse]": 2, "firmware": 4}
    for name, keys in tables.items():
        section = page.split(f"## [{name}]\n", 1)[1].split("\n## ", 1)[0]
        documented = {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")}
        assert len(documented) == keys
        for key in documented:
            header = f"[{name}]\n{key} = []\n"
            assert not any("unknown key" in line for line in problems(header))
        (line,) = [line for line in problems(f"[{name}]\nzzz = 1\n") if "zzz" in line]
        assert set(line.split("expected one of ")[1].split(";")[0].split(", ")) == documented


def test_defaults_lie_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(MINIMAL)
    config = load_config(path)
    assert (config.storage_dir, config.runtime_dir) == (tmp_path, tmp_path / "run")
    assert (config.board.root, config.board.evses, config.csms, config.evses) == (Path("/"), None, None, ())
    assert config.initial_settings == {}
    assert config.station.vendor == "Joulepost"


def test_relative_paths_count_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "station").mkdir()
    (tmp_path / "ca.pem").write_text("x")
    path = tmp_path / "station" / "station.toml"
    path.write_text(
        '[station]\nid = "A"\nstorage = "data"\nruntime = "../run"\n'
        '[board]\nprofile = "my/board.toml"\nroot = "/fake"\n'
        '[csms]\nurl = "ws://h"\nca_file = "../ca.pem"\n'
    )
    monkeypatch.chdir(tmp_path)
    config = load_config(Path("station/station.toml"))
    directory = tmp_path / "station"
    assert (config.storage_dir, config.runtime_dir) == (directory / "data", tmp_path / "run")
    assert (config.board.profile, config.board.root) == (directory / "my" / "board.toml", Path("/fake"))
    assert config.csms is not None
    assert config.csms.ca_file == tmp_path / "ca.pem"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('url = "http://x/"', ["csms.url", '"http://x/"', "ws://host"]),
        ('url = "ws://"', ["csms.url", "ws://host"]),
        ('url = "ws://h:port/"', ["csms.url", "ws://host"]),
        ('url = "ws://h:99999/"', ["csms.url", "ws://host"]),
        ('url = "ws://user:pw@h/"', ["csms.url", "without them", "password_file"]),
        ('url = "ws://h/?a=1"', ["csms.url", "without them"]),
        ("", ["csms.url", "missing"]),
        ('url = "ws://h"\nversions = []', ["csms.versions", "[]", "ocpp2.0.1"]),
        ('url = "ws://h"\nversions = ["ocpp1.5"]', ["csms.versions", "ocpp1.5", "ocpp1.6"]),
        ('url = "ws://h"\nversions = ["ocpp1.6", "ocpp1.6"]', ["csms.versions", "each once"]),
        ('url = "ws://h"\nversions = "ocpp1.6"', ["csms.versions", "a list"]),
        ('url = "ws://h"\nidentity = "a:b"', ["csms.identity", '"a:b"', "without ':'"]),
        ('url = "ws://h"\npassword = 1234567890', ["csms.password", "number (not shown)", "text in quotes"]),
        ('url = "ws://h"\npassword = "a\\nb"', ["csms.password", "3 characters (not shown)"]),
        ('url = "ws://h"\npassword = "x"\npassword_file = "y"', ["csms.password_file", "one of them"]),
        (
            'url = "ws://h"\npassword_file = "gone"',
            ["csms.password_file", "/etc/joulepost/gone", "No such file"],
        ),
        ('url = "ws://h"\nca_file = "gone.pem"', ["csms.ca_file", "/etc/joulepost/gone.pem", "PEM"]),
        ('url = "ws://h"\nsecure_url = "ws://h"', ["csms.secure_url", "wss://host:port/path"]),
        ('url = "ws://h"\nsecurity_profile = 4', ["csms.security_profile", "0 to 3"]),
        ('url = "ws://h"\ncertificate_file = "/etc/passwd"', ["csms.key_file", "certificate_file alone"]),
        ('url = "ws://h"\nurI = "x"', ["csms.urI", "unknown key", "did you mean url?"]),
    ],
)
def test_what_is_wrong_with_csms(table: str, words: list[str]) -> None:
    (line,) = problems(f"{MINIMAL}[csms]\n{table}\n")
    for word in [str(AT), *words]:
        assert word in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MINIMAL.replace("CP001", "x" * 49), ["station.id", "1 to 48 characters"]),
        (MINIMAL.replace('"CP001"', "7"), ["station.id", "found 7", "text in quotes"]),
        (MINIMAL.replace('id = "CP001"', ""), ["station.id", "missing"]),
        (MINIMAL.replace("[station]", "[staton]"), ["staton", "did you mean station?"]),
        (MINIMAL.replace("[board]", "[station.board]"), ["station.board: unknown key"]),
        (MINIMAL + "evses = 0\n", ["board.evses", "found 0", "1 to 99"]),
        (MINIMAL + "evses = true\n", ["board.evses", "found True", "1 to 99"]),
        (MINIMAL + "[evse]\nid = 1\n", ["evse", "[[evse]]"]),
        (MINIMAL + "[[evse]]\nid = 1\n[[evse]]\nid = 1\n", ["evse.id", "each EVSE once"]),
        (MINIMAL + "[[evse]]\nid = 1\nlimit_ma = 5999\n", ["evse.limit_ma", "5999", "6000 to 80000"]),
        (MINIMAL + "[[evse]]\nlimit_ma = 6000\n", ["evse.id", "missing"]),
        (MINIMAL + "[[evse]]\nid = 1\nlimitma = 6000\n", ["evse.limitma", "did you mean limit_ma?"]),
        ("settings = 3\n" + MINIMAL, ["settings", "a table"]),
        ("csms = 3\n" + MINIMAL, ["csms", "a table"]),
    ],
)
def test_what_is_wrong_with_the_rest(text: str, words: list[str]) -> None:
    found = problems(text)
    assert any(all(word in line for word in [str(AT), *words]) for line in found), found


def test_firmware_is_installed_by_nobody_unless_it_is_said() -> None:
    assert parse_config(MINIMAL, AT).firmware == FirmwareConfig("none", (), 1800, False)
    table = '[firmware]\ninstaller = "command"\ncommand = ["/bin/x", "-v"]\ntimeout_s = 9\n'
    config = parse_config(MINIMAL + table + "charging_continues = true\n", AT)
    assert config.firmware == FirmwareConfig("command", ("/bin/x", "-v"), 9, True)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('installer = "apt"', ["firmware.installer", '"apt"', "none, simulated, command"]),
        ('installer = "command"', ["firmware.command", "missing", "another installer"]),
        ('installer = "command"\ncommand = []', ["firmware.command", "missing"]),
        ('installer = "command"\ncommand = "/bin/x -v"', ["firmware.command", "a list of texts", "no shell"]),
        ('installer = "command"\ncommand = ["/bin/x", 1]', ["firmware.command", "a list of texts"]),
        ('installer = "command"\ncommand = ["x"]', ["firmware.command", '"x"', "whole path"]),
        ('command = ["/bin/x"]', ["firmware.command", 'installer = "command"', "remove the command"]),
        ("timeout_s = 0", ["firmware.timeout_s", "found 0", "1 to 86400"]),
        ('charging_continues = "yes"', ["firmware.charging_continues", '"yes"', "true or false"]),
        ('instaler = "none"', ["firmware.instaler", "did you mean installer?"]),
    ],
)
def test_what_is_wrong_with_firmware(table: str, words: list[str]) -> None:
    found = problems(f"{MINIMAL}[firmware]\n{table}\n")
    assert any(all(word in line for word in [str(AT), *words]) for line in found), found


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("TxCtrlr.EVConnectionTimout = 60", ["unknown setting", "did you mean TxCtrlr.EVConnectionTimeOut?"]),
        ('"Fnord" = 60', ["unknown setting", "docs/settings.md"]),
        ("Fnord = {}", ["unknown setting"]),
        ("ConnectionTimeOut = 0", ['found "0"', "1 to 3600 s"]),
        ("ConnectionTimeOut = 60.5", ['found "60.5"', "1 to 3600 s"]),
        ('ConnectionTimeOut = "soon"', ['found "soon"']),
        ("ConnectionTimeOut = 2026-01-31", ["found 2026-01-31", "1 to 3600 s"]),
        ("LocalPreAuthorize = 1", ['found "1"', '"true" or "false"']),
        ('MeterValuesSampledData = ["Voltage", "Foo"]', ['found "Voltage,Foo"', "Current.Import"]),
        ("ClockCtrlr.DateTime = 1", ["computed", "remove it"]),
        (
            'ConnectionTimeOut = 60\n"TxCtrlr.EVConnectionTimeOut" = 60',
            ["the same setting as ConnectionTimeOut"],
        ),
    ],
)
def test_what_is_wrong_with_settings(line: str, words: list[str]) -> None:
    (found,) = problems(f"{MINIMAL}[settings]\n{line}\n")
    for word in [str(AT), "settings.", *words]:
        assert word in found


def test_everything_wrong_is_told_at_once() -> None:
    text = '[station]\nidd = "A"\n[cmss]\n[board]\nprofile = ""\n[[evse]]\nid = 0\n[settings]\nFnord = 1\n'
    starts = ["cmss:", "station.idd:", "station.id:", "board.profile:", "evse.id:", 'settings."Fnord":']
    found = problems(text)
    assert len(found) == len(starts)
    for start in starts:
        assert any(line.startswith(f"{AT}: {start}") for line in found), start


def test_missing_tables_are_one_problem_each() -> None:
    assert problems("") == [
        f"{AT}: [station]: the table is missing; add it",
        f"{AT}: [board]: the table is missing; add it",
    ]


def test_a_missing_file_an_unreadable_one_and_no_toml(tmp_path: Path) -> None:
    for path, words in [
        (tmp_path / "gone.toml", ["no such file", "docs/station.example.toml"]),
        (tmp_path, ["cannot be read", "directory"]),
    ]:
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        assert all(word in str(caught.value) for word in [str(path), *words])
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'[station]\nid = "\xe4"\n')
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(latin)
    (line,) = problems("[station\n")
    assert "not TOML" in line
    assert "line 1" in line


def test_settings_by_either_name_and_any_type() -> None:
    config = parse_config(
        MINIMAL + "[settings]\nConnectionTimeOut = 90\n"
        'AuthCtrlr.Enabled = false\n"OCPPCommCtrlr.MessageAttempts[TransactionEvent]" = "4"\n'
        'MeterValuesSampledData = ["Voltage"]\nSmartChargingCtrlr.LimitChangeSignificance = 2.5\n'
        f'AuthorizationKey = "{"0f" * 16}"\n',
        AT,
    )
    settings = station(initial=config.initial_settings)
    assert settings[c.EV_CONNECTION_TIMEOUT] == 90
    assert settings[c.AUTH_ENABLED] is False
    assert settings[c.MESSAGE_ATTEMPTS] == 4
    assert [str(m) for m in settings[c.SAMPLED_MEASURANDS]] == ["Voltage"]
    assert str(settings[c.LIMIT_CHANGE_SIGNIFICANCE]) == "2.5"
    assert settings[c.BASIC_AUTH_PASSWORD] == b"\x0f" * 16


def test_the_password_reaches_the_settings_and_no_message(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct horse battery\n")
    for line in ('password = "correct horse battery"', 'password_file = "password"'):
        config = parse_config(f'{MINIMAL}[csms]\nurl = "wss://h/"\n{line}\n', tmp_path / "station.toml")
        assert station(initial=config.initial_settings)[c.BASIC_AUTH_PASSWORD] == b"correct horse battery"
        assert "horse" not in repr(config)


@pytest.mark.parametrize(
    ("url", "password", "profile"),
    [("ws://h", None, 0), ("wss://h", None, 0), ("ws://h", "x", 1), ("wss://h", "x", 2), ("WSS://h", "x", 2)],
)
def test_A00_security_profile(url: str, password: str | None, profile: int) -> None:
    assert CsmsConfig(url, "CP", password=password).security_profile == profile


@pytest.mark.parametrize(
    ("url", "more", "profile"),
    [
        ("wss://h", {}, 3),
        ("ws://h", {}, 0),
        ("wss://h", {"password": "x"}, 2),
        ("wss://h", {"wanted_profile": 0}, 0),
        ("ws://h", {"wanted_profile": 3}, 3),
    ],
)
def test_A00_FR_004_security_profile_with_a_client_certificate(
    url: str, more: dict[str, Any], profile: int
) -> None:
    config = CsmsConfig(url, "CP", certificate_file=Path("chain"), key_file=Path("key"), **more)
    assert config.security_profile == profile


def test_the_profile_of_the_file_is_the_first_value_of_the_setting(tmp_path: Path) -> None:
    csms = '[csms]\nurl = "ws://h"\npassword = "x"\n'
    for text, profile in (
        (csms, 1),
        (csms + "security_profile = 0\n", 0),
        (csms + "security_profile = 0\n[settings]\nSecurityProfile = 2\n", 2),
    ):
        config = parse_config(MINIMAL + text, tmp_path / "station.toml")
        assert station(initial=config.initial_settings)[c.SECURITY_PROFILE] == profile


def test_a_private_key_for_everybody_is_refused(tmp_path: Path) -> None:
    (tmp_path / "chain.pem").write_text("chain")
    key = tmp_path / "key.pem"
    key.write_text("key")
    text = f'{MINIMAL}[csms]\nurl = "wss://h"\ncertificate_file = "chain.pem"\nkey_file = "key.pem"\n'
    for mode in (0o600, 0o640):
        key.chmod(mode)
        config = parse_config(text, tmp_path / "station.toml")
        assert config.csms is not None and config.csms.key_file == key
    key.chmod(0o644)
    with pytest.raises(ConfigError, match=r"csms.key_file: .*mode 0644, for everybody"):
        parse_config(text, tmp_path / "station.toml")


def test_overrides_are_checked_and_win() -> None:
    config = parse_config(MINIMAL + "[settings]\nConnectionTimeOut = 90\n", AT)
    changed = apply_overrides(config, {"TxCtrlr.EVConnectionTimeOut": "91"})
    settings = station(initial=changed.initial_settings, overrides=changed.overrides)
    assert settings[c.EV_CONNECTION_TIMEOUT] == 91
    assert config.overrides == {}
    with pytest.raises(ConfigError) as caught:
        apply_overrides(config, {"Fnord": "1", "ConnectionTimeOut": "0"})
    assert len(caught.value.problems) == 2
    assert caught.value.problems[0].startswith("--set Fnord: unknown setting")
    assert "--set ConnectionTimeOut" in caught.value.problems[1]


def test_evses_have_to_be_on_the_board() -> None:
    config = parse_config(MINIMAL + "[[evse]]\nid = 2\n[[evse]]\nid = 3\n", AT)
    check_evses(config, [1, 2, 3])
    with pytest.raises(
        ConfigError, match=r"evse.id: found 3, expected an EVSE of the board profile \(1, 2\)"
    ):
        check_evses(config, [1, 2])


def test_the_desk_keeps_everything_in_its_directory(tmp_path: Path) -> None:
    directory = tmp_path / 'a "desk" \\ ü'
    text = desk_config(
        directory,
        station_id="DESK 2",
        url="ws://127.0.0.1:9001/x",
        versions=["ocpp1.6"],
        evses=3,
        password="correct horse battery",
        settings={"ConnectionTimeOut": 5, "AuthCtrlr.Enabled": False, "MeterValuesSampledData": "Voltage"},
    )
    config = parse_config(text, Path("/elsewhere/station.toml"))
    assert (config.storage_dir, config.runtime_dir) == (directory, directory / "run")
    assert (config.board.profile, config.board.evses, config.board.root) == (
        "simulated",
        3,
        directory / "root",
    )
    assert config.csms == CsmsConfig("ws://127.0.0.1:9001/x", "DESK 2", ("ocpp1.6",), "correct horse battery")
    settings = station(initial=config.initial_settings)
    assert (settings[c.EV_CONNECTION_TIMEOUT], settings[c.AUTH_ENABLED]) == (5, False)
    assert settings[c.RETRY_WAIT_MINIMUM] == 1
    assert config.firmware == FirmwareConfig("simulated")
    default = parse_config(desk_config(tmp_path), tmp_path / "station.toml")
    assert default.csms == CsmsConfig("ws://127.0.0.1:9000/", "DESK01")


def test_the_reboot_command_is_a_list_of_words(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    assert parse_config(MINIMAL, path).reboot_command is None
    for text, expected in (('["sudo", "reboot"]', ("sudo", "reboot")), ("[]", ())):
        config = parse_config(MINIMAL.replace("[station]", f"[station]\nreboot_command = {text}"), path)
        assert config.reboot_command == expected
    for text in ('"reboot"', "[1]", '[""]'):
        (line,) = problems(MINIMAL.replace("[station]", f"[station]\nreboot_command = {text}"))
        assert "station.reboot_command: found" in line and "expected a list of texts" in line
