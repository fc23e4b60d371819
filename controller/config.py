"""``station.toml`` as frozen dataclasses.

Owns: the keys of the file, their types, bounds and defaults, and the messages for a wrong one: every problem
at once, each with file, key, found, expected and what to do.
Refuses to know: board profiles (``hal.profile``), what the settings mean (``settings.catalog`` checks them).

Relative paths count from the directory of the file, whatever the working directory is.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from controller.settings.catalog import BASIC_AUTH_PASSWORD, CATALOG, SECURITY_PROFILE
from controller.settings.kinds import ValueRefused

VERSIONS = ("ocpp2.1", "ocpp2.0.1", "ocpp1.6")
"""OCPP versions that can be offered, as websocket subprotocols."""

DEFAULT_VERSIONS = ("ocpp2.0.1", "ocpp1.6")

DESK_URL = "ws://127.0.0.1:9000/"


class ConfigError(ValueError):
    """The configuration is wrong. ``problems``: one line for each, as in the message."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class StationIdentity:
    """[station]: who the station is. ``id`` is its name at the CSMS (1 to 48 characters)."""

    id: str
    vendor: str = "Joulepost"
    model: str = "Joulepost"
    serial: str = ""


@dataclass(frozen=True, slots=True)
class CsmsConfig:
    """[csms]. ``url`` without the identity, which is added to it. ``versions``: offered in this order.

    ``secure_url``: for security profiles 2 and 3, None = ``url`` with wss. ``wanted_profile``: the profile a
    new station begins with, None = what the other keys amount to.
    """

    url: str
    identity: str
    versions: tuple[str, ...] = DEFAULT_VERSIONS
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    secure_url: str | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    wanted_profile: int | None = None

    @property
    def security_profile(self) -> int:
        """What a new station begins with (A00.FR.004). 0 = no password, 1 = password only, 2 = TLS and
        password, 3 = TLS with client certificate."""
        if self.wanted_profile is not None:
            return self.wanted_profile
        secure = self.url.lower().startswith("wss:")
        if self.password is not None:
            return 2 if secure else 1
        return 3 if secure and self.certificate_file is not None else 0


@dataclass(frozen=True, slots=True)
class BoardConfig:
    """[board]. ``profile``: name of a packaged profile or a path. ``root``: where device files are."""

    profile: str | Path
    evses: int | None = None
    root: Path = Path("/")


INSTALLERS = ("none", "simulated", "command")
"""Who installs firmware. "simulated" pretends, for desks; "command" runs a program."""


@dataclass(frozen=True, slots=True)
class FirmwareConfig:
    """[firmware]. ``command``: program and arguments, the path of the file is added; ``timeout_s``: for it.
    ``charging_continues``: it installs beside running transactions."""

    installer: str = "none"
    command: tuple[str, ...] = ()
    timeout_s: int = 1800
    charging_continues: bool = False


@dataclass(frozen=True, slots=True)
class EvseConfig:
    """[[evse]]: what the owner lowers for one EVSE. ``limit_ma``: the circuit breaker's rating, say."""

    evse_id: int
    limit_ma: int | None = None


@dataclass(frozen=True, slots=True)
class StationConfig:
    """All of ``station.toml``. ``overrides``: settings of this start's command line. ``reboot_command``: for
    a hard reset; empty = it restarts the controller alone, None = not said."""

    path: Path
    station: StationIdentity
    storage_dir: Path
    runtime_dir: Path
    csms: CsmsConfig | None
    board: BoardConfig
    evses: tuple[EvseConfig, ...] = ()
    firmware: FirmwareConfig = FirmwareConfig()
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    overrides: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    reboot_command: tuple[str, ...] | None = None

    @property
    def initial_settings(self) -> dict[str, str]:
        """For ``Settings(initial=...)``: [settings], and password and profile of [csms]."""
        initial = dict(self.settings)
        if self.csms is not None and all(CATALOG.by_any_name(n) is not SECURITY_PROFILE for n in initial):
            initial[SECURITY_PROFILE.full_name] = str(self.csms.security_profile)
        if self.csms is not None and self.csms.password is not None:
            initial[BASIC_AUTH_PASSWORD.full_name] = self.csms.password
        return initial

    def limit_ma(self, evse_id: int) -> int | None:
        """What [[evse]] lowers the EVSE to, or None."""
        return next((evse.limit_ma for evse in self.evses if evse.evse_id == evse_id), None)


def load_config(path: Path) -> StationConfig:
    """Read and check the file. Raises ``ConfigError`` with all problems found."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(
            [f"{path}: no such file; write one (docs/station.example.toml is a template) or name another"]
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else f"not UTF-8 text ({error})"
        raise ConfigError([f"{path}: cannot be read: {cause}; make it a readable UTF-8 text file"]) from error
    return parse_config(text, path)


def parse_config(text: str, path: Path) -> StationConfig:
    """Check the text of a station.toml that is, or would be, at ``path``. Raises ``ConfigError``."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: not TOML: {error}; correct the text there"]) from error
    reader = _Reader(path)
    config = reader.station(document)
    if reader.problems:
        raise ConfigError(reader.problems)
    return config


def apply_overrides(config: StationConfig, overrides: Mapping[str, str]) -> StationConfig:
    """Settings of the command line, ``{"TxCtrlr.EVConnectionTimeOut": "90"}``. Raises ``ConfigError``."""
    problems: list[str] = []
    checked = _checked_settings(overrides.items(), lambda name: f"--set {name}", problems)
    if problems:
        raise ConfigError(problems)
    return replace(config, overrides=MappingProxyType({**config.overrides, **checked}))


def check_evses(config: StationConfig, evse_ids: Collection[int]) -> None:
    """Every [[evse]] has to be an EVSE of the board. Raises ``ConfigError``."""
    known = ", ".join(str(evse_id) for evse_id in sorted(evse_ids))
    problems = [
        f"{config.path}: evse.id: found {evse.evse_id}, expected an EVSE of the board profile ({known}); "
        "correct the number or remove the table"
        for evse in config.evses
        if evse.evse_id not in evse_ids
    ]
    if problems:
        raise ConfigError(problems)


def desk_config(
    directory: Path,
    *,
    station_id: str = "DESK01",
    serial: str = "",
    url: str = DESK_URL,
    versions: Sequence[str] = DEFAULT_VERSIONS,
    evses: int = 1,
    password: str | None = None,
    ca_file: Path | None = None,
    installer: str = "simulated",
    secure_url: str | None = None,
    certificate_file: Path | None = None,
    key_file: Path | None = None,
    security_profile: int | None = None,
    settings: Mapping[str, str | int | bool] | None = None,
) -> str:
    """The text of a station.toml for a station without hardware that keeps everything in ``directory``."""
    everything: dict[str, str | int | bool] = {
        "OCPPCommCtrlr.RetryBackOffWaitMinimum": 1,
        "OCPPCommCtrlr.RetryBackOffRandomRange": 1,
        **(settings or {}),
    }
    lines = [
        "# A station without hardware, for a desk.",
        "[station]",
        f"id = {_quoted(station_id)}",
        *([f"serial = {_quoted(serial)}"] if serial else []),
        f"storage = {_quoted(str(directory))}",
        f"runtime = {_quoted(str(directory / 'run'))}",
        "reboot_command = []",
        "",
        "[csms]",
        f"url = {_quoted(url)}",
        f"versions = [{', '.join(_quoted(version) for version in versions)}]",
        *([f"password = {_quoted(password)}"] if password is not None else []),
        *(
            f"{name} = {_quoted(str(value))}"
            for name, value in (
                ("ca_file", ca_file),
                ("secure_url", secure_url),
                ("certificate_file", certificate_file),
                ("key_file", key_file),
            )
            if value is not None
        ),
        *([f"security_profile = {security_profile}"] if security_profile is not None else []),
        "",
        "[board]",
        'profile = "simulated"',
        f"evses = {evses}",
        f"root = {_quoted(str(directory / 'root'))}",
        "",
        "[firmware]",
        f"installer = {_quoted(installer)}",
        "",
        "[settings]",
        *(f"{_quoted(name)} = {_toml_value(value)}" for name, value in everything.items()),
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are a subset of TOML's, DEL apart."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_value(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _quoted(value)


_KEYS: Mapping[str, tuple[str, ...]] = {
    "station": ("id", "vendor", "model", "serial", "storage", "runtime", "reboot_command"),
    "csms": (
        "url",
        "secure_url",
        "versions",
        "identity",
        "password",
        "password_file",
        "ca_file",
        "certificate_file",
        "key_file",
        "security_profile",
    ),
    "board": ("profile", "evses", "root"),
    "evse": ("id", "limit_ma"),
    "firmware": ("installer", "command", "timeout_s", "charging_continues"),
}
_TABLES = (*_KEYS, "settings")


class _Reader:
    """Reads one document and collects what is wrong with it. A value that is wrong reads as None."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.directory = Path(os.path.abspath(path)).parent  # noqa: PTH100 - resolve() would follow links
        self.problems: list[str] = []
        self.absent: set[str] = set()  # tables that are missing: one problem, not one for each key

    def station(self, document: Mapping[str, Any]) -> StationConfig:
        for name in document:
            if name not in _TABLES:
                self.unknown(name, name, _TABLES)
        station = self.table(document, "station", required=True)
        board = self.table(document, "board", required=True)
        identity = StationIdentity(
            self.text(station, "station", "id", 48, required=True, without=":") or "?",
            self.text(station, "station", "vendor", 20) or "Joulepost",
            self.text(station, "station", "model", 20) or "Joulepost",
            self.text(station, "station", "serial", 25) or "",
        )
        return StationConfig(
            self.path,
            identity,
            self.file(station, "station", "storage") or self.directory,
            self.file(station, "station", "runtime") or self.directory / "run",
            self.csms(document, identity.id),
            BoardConfig(
                self.profile(board),
                self.integer(board, "board", "evses", 1, 99),
                self.file(board, "board", "root") or Path("/"),
            ),
            self.evses(document),
            self.firmware(document),
            MappingProxyType(self.settings(document)),
            reboot_command=self.words(station, "station", "reboot_command"),
        )

    def csms(self, document: Mapping[str, Any], station_id: str) -> CsmsConfig | None:
        if "csms" not in document:
            return None
        table = self.table(document, "csms", required=False)
        certificate, key = self.client_certificate(table)
        return CsmsConfig(
            self.url(table, "url") or "?",
            self.text(table, "csms", "identity", 48, without=":") or station_id,
            self.versions(table),
            self.password(table),
            self.pem_file(table, "ca_file"),
            self.url(table, "secure_url"),
            certificate,
            key,
            self.integer(table, "csms", "security_profile", 0, 3),
        )

    def url(self, table: Mapping[str, Any], key: str) -> str | None:
        secure = key == "secure_url"
        text = self.text(table, "csms", key, 512, required=not secure)
        if text is None:
            return None
        try:
            parts = urlsplit(text)
            schemes = ("wss",) if secure else ("ws", "wss")
            good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is no number, a broken IPv6 address
            good = False
        if not good:
            expected = "wss://host:port/path" if secure else "ws://host:port/path or wss://host:port/path"
            self.wrong(f"csms.{key}", text, expected)
        elif parts.username is not None or parts.query or parts.fragment:
            self.wrong(
                f"csms.{key}",
                "a user name, query or fragment",
                "a URL without them",
                'the station\'s name is added by itself; a password goes into "password_file"',
            )
        return text

    def versions(self, table: Mapping[str, Any]) -> tuple[str, ...]:
        found = table.get("versions", list(DEFAULT_VERSIONS))
        good = isinstance(found, list) and found and all(version in VERSIONS for version in found)
        if not good or len(set(found)) != len(found):
            self.wrong("csms.versions", found, f"a list, best first, of {', '.join(VERSIONS)}, each once")
            return DEFAULT_VERSIONS
        return tuple(found)

    def password(self, table: Mapping[str, Any]) -> str | None:
        password = table.get("password")
        file = self.file(table, "csms", "password_file")
        key = "csms.password"
        if password is not None and file is not None:
            self.wrong("csms.password_file", "password and password_file", "one of them", "remove one")
            return None
        if file is not None:
            key = "csms.password_file"
            try:
                password = file.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                cause = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
                self.wrong(key, f"{file}: {cause}", "a readable file with the password in one line")
                return None
        if password is None:
            return None
        if not isinstance(password, str):
            self.wrong(key, f"a value of type {_type(password)} (not shown)", "text in quotes")
            return None
        try:
            BASIC_AUTH_PASSWORD.kind.parse(password)
        except ValueRefused as error:
            self.problems.append(f"{self.path}: {key}: {error}; ask the CSMS for another password")
            return None
        return password or None

    def pem_file(self, table: Mapping[str, Any], key: str) -> Path | None:
        file = self.file(table, "csms", key)
        if file is None:
            return None
        try:
            found = "" if file.is_file() else "no such file"
        except OSError as error:  # a directory on the way there that this user may not enter
            found = error.strerror or str(error)
        if found:
            what = "the private key in PEM" if key == "key_file" else "PEM certificates"
            self.wrong(f"csms.{key}", f"{file}: {found}", f"a file with {what}")
            return None
        return file

    def client_certificate(self, table: Mapping[str, Any]) -> tuple[Path | None, Path | None]:
        """Both files or none. A key that everybody on the machine can read is no secret."""
        for one, other in (("certificate_file", "key_file"), ("key_file", "certificate_file")):
            if one in table and other not in table:
                self.wrong(f"csms.{other}", f"{one} alone", "both of them", f"add {other} or remove {one}")
        certificate, key = self.pem_file(table, "certificate_file"), self.pem_file(table, "key_file")
        if key is not None and key.stat().st_mode & 0o007:
            found = f"mode {key.stat().st_mode & 0o777:04o}, for everybody"
            self.wrong(
                "csms.key_file", found, "mode 0600, or 0640 with the service's group", f"chmod 600 {key}"
            )
        return certificate, key

    def profile(self, table: Mapping[str, Any]) -> str | Path:
        """A name, or (with a slash or .toml) a path."""
        text = self.text(table, "board", "profile", 512, required=True)
        if text is not None and ("/" in text or text.endswith(".toml")):
            return self.directory / text
        return text or "?"

    def evses(self, document: Mapping[str, Any]) -> tuple[EvseConfig, ...]:
        tables = document.get("evse", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self.wrong("evse", tables, "tables that begin with [[evse]]", "write [[evse]] above each of them")
            return ()
        evses: list[EvseConfig] = []
        for table in tables:
            self.check_keys(table, "evse")
            evse_id = self.integer(table, "evse", "id", 1, 99, required=True)
            limit_ma = self.integer(table, "evse", "limit_ma", 6000, 80000)
            if evse_id is None:
                continue
            if any(evse.evse_id == evse_id for evse in evses):
                self.wrong("evse.id", evse_id, "each EVSE once", "put everything into one [[evse]] table")
            evses.append(EvseConfig(evse_id, limit_ma))
        return tuple(evses)

    def firmware(self, document: Mapping[str, Any]) -> FirmwareConfig:
        table = self.table(document, "firmware", required=False)
        plain = FirmwareConfig()
        installer = table.get("installer", plain.installer)
        if installer not in INSTALLERS:
            self.wrong("firmware.installer", installer, f"one of {', '.join(INSTALLERS)}")
        command = table.get("command", [])
        if not isinstance(command, list) or not all(isinstance(one, str) and one for one in command):
            self.wrong(
                "firmware.command",
                command,
                'a list of texts, as ["/usr/local/sbin/install-firmware"]',
                "write program and arguments apart; no shell reads them",
            )
            command = ["?"]
        if installer == "command" and not command:
            self.problems.append(
                f"{self.path}: firmware.command: the key is missing; add it, or choose another installer"
            )
        elif installer != "command" and command and installer in INSTALLERS:
            self.wrong(
                "firmware.command",
                f'a command beside installer = "{installer}"',
                'installer = "command"',
                "change the installer or remove the command",
            )
        elif command and command != ["?"] and not command[0].startswith("/"):
            self.wrong("firmware.command", command[0], "a program by its whole path, which begins with /")
        continues = table.get("charging_continues", plain.charging_continues)
        if not isinstance(continues, bool):
            self.wrong("firmware.charging_continues", continues, "true or false")
            continues = plain.charging_continues
        timeout_s = self.integer(table, "firmware", "timeout_s", 1, 86_400)
        return FirmwareConfig(str(installer), tuple(command), timeout_s or plain.timeout_s, continues)

    def settings(self, document: Mapping[str, Any]) -> dict[str, str]:
        table = document.get("settings", {})
        if not isinstance(table, dict):
            self.wrong("settings", table, "a table", "write [settings] on a line of its own")
            return {}
        flat: list[tuple[str, Any]] = []
        for name, value in table.items():
            if isinstance(value, dict) and value:  # TxCtrlr.EVConnectionTimeOut = 60 without quotes
                flat.extend((f"{name}.{inner}", item) for inner, item in value.items())
            else:
                flat.append((name, value))
        return _checked_settings(flat, lambda name: f'{self.path}: settings."{name}"', self.problems)

    # ------------------------------------------------------------------ pieces

    def table(self, document: Mapping[str, Any], name: str, *, required: bool) -> Mapping[str, Any]:
        if name not in document:
            if required:
                self.problems.append(f"{self.path}: [{name}]: the table is missing; add it")
            self.absent.add(name)
            return {}
        table = document[name]
        if not isinstance(table, dict):
            self.wrong(name, table, "a table", f"write [{name}] on a line of its own")
            self.absent.add(name)
            return {}
        self.check_keys(table, name)
        return table

    def check_keys(self, table: Mapping[str, Any], name: str) -> None:
        for key in table:
            if key not in _KEYS[name]:
                self.unknown(f"{name}.{key}", key, _KEYS[name])

    def unknown(self, where: str, key: str, known: Sequence[str]) -> None:
        near = get_close_matches(key.lower(), known, n=1)
        advice = f"did you mean {near[0]}?" if near else "remove it"
        self.problems.append(
            f"{self.path}: {where}: unknown key, expected one of {', '.join(known)}; {advice}"
        )

    def wrong(self, where: str, found: object, expected: str, advice: str = "correct it") -> None:
        self.problems.append(f"{self.path}: {where}: found {_shown(found)}, expected {expected}; {advice}")

    def text(
        self,
        table: Mapping[str, Any],
        name: str,
        key: str,
        longest: int,
        *,
        required: bool = False,
        without: str = "",
    ) -> str | None:
        value = table.get(key)
        if value is None:
            if required and name not in self.absent:
                self.problems.append(f"{self.path}: {name}.{key}: the key is missing; add it")
            return None
        good = isinstance(value, str) and 1 <= len(value) <= longest and value.isprintable()
        if not good or any(character in value for character in without):
            extra = f" without {without!r}" if without else ""
            self.wrong(f"{name}.{key}", value, f"text in quotes of 1 to {longest} characters{extra}")
            return None
        return str(value)

    def words(self, table: Mapping[str, Any], name: str, key: str) -> tuple[str, ...] | None:
        """A program and its arguments; an empty list is one, too."""
        value = table.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
            advice = 'write the program and each argument in quotes, as ["systemctl", "reboot"]'
            self.wrong(f"{name}.{key}", value, "a list of texts", advice)
            return None
        return tuple(value)

    def integer(
        self, table: Mapping[str, Any], name: str, key: str, low: int, high: int, *, required: bool = False
    ) -> int | None:
        value = table.get(key)
        if value is None:
            if required:
                self.problems.append(f"{self.path}: {name}.{key}: the key is missing; add it")
            return None
        if type(value) is not int or not low <= value <= high:
            self.wrong(f"{name}.{key}", value, f"a whole number from {low} to {high}")
            return None
        return value

    def file(self, table: Mapping[str, Any], name: str, key: str) -> Path | None:
        text = self.text(table, name, key, 1024)
        return None if text is None else Path(os.path.normpath(self.directory / text))


def _checked_settings(items: Iterable[tuple[str, Any]], where: Any, problems: list[str]) -> dict[str, str]:
    """Settings as texts by the names that were used. ``where(name)`` begins a problem's line."""
    checked: dict[str, str] = {}
    rows: dict[Any, str] = {}
    for name, value in items:
        variable = CATALOG.by_any_name(name)
        if variable is None:
            near = CATALOG.near(name)
            advice = f"did you mean {near}?" if near else "docs/settings.md lists all settings"
            problems.append(f"{where(name)}: unknown setting; {advice}")
            continue
        text = _setting_text(value)
        if text is None:
            expected = variable.kind.expected
            problems.append(f"{where(name)}: found {_shown(value)}, expected {expected}; correct it")
        elif variable.computed:
            problems.append(f"{where(name)}: cannot be set: it is computed ({variable.about}); remove it")
        elif variable in rows:
            problems.append(f"{where(name)}: the same setting as {rows[variable]}; remove one of them")
        else:
            rows[variable] = name
            try:
                CATALOG.parse(variable, name, text)
            except ValueRefused as error:
                problems.append(f"{where(name)}: {error}; correct it")
            checked[name] = text
    return checked


def _setting_text(value: Any) -> str | None:
    """A TOML value as the text of a setting; a list of texts is a comma-separated list."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | str):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return None


def _type(value: object) -> str:
    names = {bool: "boolean", int: "number", float: "number", list: "list", dict: "table", str: "text"}
    return names.get(type(value), type(value).__name__)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a table"
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."
