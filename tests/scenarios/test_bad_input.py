"""Bad input of every kind: the message says what, where, found, expected and what to do; the exit status is
the documented one; the safety process keeps its rules; and nothing charged is lost."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import socket
import ssl
import tempfile
import tty
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from controller.domain.events import TransactionEnded, TransactionStarted
from hal.simulated.lines import SerialLine
from tests.scenarios.books import balance
from tests.support.csms import Payload, garbage
from tests.support.house import House
from tests.support.ledger import Ledger
from tests.support.processes import CARD, Processes, Scenarios, SmallDisk, side_by_side
from tests.support.virtual_time import run_virtual

OFFLINE_TOO: dict[str, str | int | bool] = {
    "AuthCtrlr.OfflineTxForUnknownIdEnabled": True,
    "TxCtrlr.TxBeforeAcceptedEnabled": True,
    "OCPPCommCtrlr.RetryBackOffRandomRange": 0,
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": 0,
}


@dataclass(frozen=True)
class Told:
    """The five things a message has to say, each as words that must be in one and the same line."""

    what: str
    where: str
    found: str
    expected: str
    do: str

    def check(self, text: str) -> None:
        words = (self.what, self.where, self.found, self.expected, self.do)
        assert any(all(word in line for word in words) for line in text.splitlines()), (
            f"expected a line with {words}, found\n{text}"
        )
        assert "Traceback" not in text, text

    def within(self, text: str) -> bool:
        return all(word in text for word in (self.what, self.where, self.found, self.expected, self.do))


# ---------------------------------------------------------------------- refused at the start


async def refused(
    name: str,
    status: int,
    told: Callable[[Processes], list[Told]],
    prepare: Callable[[Processes], object],
    argv: Callable[[Processes], list[str]] | None = None,
) -> None:
    """The process ends at once with this status and these messages."""
    async with Processes("ws://127.0.0.1:9/") as station:
        prepare(station)
        station.spawn(name, argv(station) if argv else None)
        assert await station.ended(name) == status, station.log(name)
        for one in told(station):
            one.check(station.log(name))


def wrong_config() -> Awaitable[None]:
    """All mistakes of the file at once."""

    def prepare(station: Processes) -> None:
        station.edit("url = ", "urll = ")
        station.edit("evses = 1", 'evses = "two"')
        station.edit(
            "[settings]", '[settings]\n"TxCtrlr.EVConnectionTimeOut" = "soon"\n"TxCtrlr.Nonsense" = 1'
        )

    def told(station: Processes) -> list[Told]:
        where = str(station.config)
        return [
            Told(
                "unknown key",
                where,
                "csms.urll",
                "expected one of url, secure_url, versions",
                "did you mean url?",
            ),
            Told("board.evses", where, 'found "two"', "expected a whole number from 1 to 99", "correct it"),
            Told("EVConnectionTimeOut", where, 'found "soon"', "expected a whole number", "correct it"),
            Told("unknown setting", where, "TxCtrlr.Nonsense", "docs/settings.md", "lists all settings"),
        ]

    return refused("controller", 4, told, prepare)


def no_config() -> Awaitable[None]:
    def told(station: Processes) -> list[Told]:
        return [
            Told(
                "station.toml", str(station.config), "no such file", "docs/station.example.toml", "write one"
            )
        ]

    return refused("controller", 4, told, lambda station: station.config.unlink())


def wrong_board(name: str, change: tuple[str, str], told: Told) -> Awaitable[None]:
    """A board profile of one's own with one mistake, for the controller and the safety process."""

    def prepare(station: Processes) -> None:
        text = Path("hardware/boards/simulated.toml").read_text()
        assert change[0] in text
        (station.home / "board.toml").write_text(text.replace(*change))
        station.edit('profile = "simulated"', 'profile = "./board.toml"')

    def argv(station: Processes) -> list[str]:
        board = str(station.home / "board.toml")
        return [board if word == "simulated" else word for word in station.command(name)]

    return refused(name, 4 if name == "controller" else 1, lambda _station: [told], prepare, argv)


WRONG_KEY = Told("evse[1].phasen", "board.toml", "found unknown key", "accepted:", "did you mean phases?")
WRONG_TYPE = Told(
    "evse[1].rating_ma", "board.toml", 'found "32 A"', "accepted: an integer 6000..80000", "without quotes"
)
WRONG_MODEL = Told("model", "board.toml", "Eastron SDM631", "accepted: ABB B23", "did you mean")


def no_board() -> Awaitable[None]:
    told = Told(
        "board profile", "nowhere.toml", "not found", "reference-pi4, reference-pi5", "name one of them"
    )
    return refused(
        "controller",
        4,
        lambda _station: [told],
        lambda station: station.edit('profile = "simulated"', 'profile = "./nowhere.toml"'),
    )


def socket_taken(
    name: str, make: Callable[[Path], object], found: str, expected: str, do: str
) -> Awaitable[None]:
    """Something else is where the process's socket belongs."""

    def told(station: Processes) -> list[Told]:
        return [Told("socket", str(station.run / f"{name}.sock"), found, expected, do)]

    return refused(name, 1, told, lambda station: make(station.run / f"{name}.sock"))


async def port_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = Told("port", "127.0.0.1", f"{port} on 127.0.0.1 is in use", "any free one", "choose another")
        await refused(
            "csms",
            1,
            lambda _station: [told],
            lambda _station: None,
            lambda station: [
                *station.command("bench")[:3],
                "csms",
                "serve",
                "--dir",
                str(station.home),
                "--port",
                str(port),
            ],
        )


async def storage_under_a_file() -> None:
    """Fails for root, too."""

    def told(station: Processes) -> list[Told]:
        where = f"{station.home}/station.toml/data/joulepost.db"
        return [Told("cannot open the database", where, "Not a directory", "expected a file", "mkdir -p")]

    await refused(
        "controller",
        1,
        told,
        lambda station: station.edit(f'storage = "{station.home}"', 'storage = "station.toml/data"'),
    )


# ---------------------------------------------------------------------- refused while a car charges


async def broken_files() -> None:
    """The controller is stopped while a car charges and cannot start again: the lease lapses, the contactor
    opens gently, no file is touched; repaired, everything is still there."""
    settings = {**OFFLINE_TOO, "JoulepostCtrlr.PermitLease": 3}
    async with Ledger("ocpp1.6") as csms, Processes(csms.url, "ocpp1.6", settings=settings) as station:
        with SmallDisk(station.home / "data") as disk:
            station.edit(f'storage = "{station.home}"', 'storage = "data"')
            await station.start("bench", "safety", "controller")
            await station.ready()
            await station.plug_and_swipe()
            await station.killed("controller")
            wh = await station.meter_wh()

            async def refuses(status: int, told: Told) -> None:
                station.spawn("again", station.command("controller"))
                assert await station.ended("again") == status, station.log("again")
                told.check(station.log("again"))

            station.edit("url = ", "urll = ")
            where = str(station.config)
            await refuses(
                4, Told("unknown key", where, "csms.urll", "expected one of url", "did you mean url?")
            )
            station.edit("urll = ", "url = ")

            database = disk.path / "joulepost.db"
            kept = {file: file.read_bytes() for file in disk.path.glob("joulepost.db*")}
            broken = bytes(100) + b"garbage" * 900
            database.write_bytes(broken)
            for wal in disk.path.glob("*-wal"):
                wal.unlink()
            await refuses(
                1,
                Told(
                    "cannot open the database",
                    str(database),
                    "file is not a database",
                    "expected a whole database of this program",
                    "move the file aside",
                ),
            )
            assert database.read_bytes() == broken, "it holds what was charged: nobody touches it"
            for file, content in kept.items():
                file.write_bytes(content)

            found = disk.read_only(True)
            await refuses(
                1,
                Told(
                    "cannot open the database", str(database), found, "expected a file and a directory", "m"
                ),
            )
            disk.read_only(False)

            await station.opened()
            assert "under load" not in station.log("safety")
            await station.start("controller")
            await station.charging()
            await station.stop_and_leave()
            (booked,) = await balance(station, csms)
            assert booked.stops[0] > wh


async def full_disk() -> None:
    """Not a byte can be written any more: charging stops gently and says why; with room again it goes on, and
    what happened meanwhile is in the journal."""
    async with Ledger("ocpp2.0.1") as csms, Processes(csms.url, "ocpp2.0.1", settings=OFFLINE_TOO) as station:
        with SmallDisk(station.home / "data") as disk:
            station.edit(f'storage = "{station.home}"', 'storage = "data"')
            await station.start("bench", "safety", "controller")
            await station.ready()
            await station.plug_and_swipe()
            await station.delivered()
            pid = station.pid("controller")
            found = disk.fill(pid)
            # Something has to be written for anybody to notice.
            await station.bench("vehicle", settings={"wants_charge": False})
            await station.until(lambda: "journal:" in station.log("controller"), "the controller notices")
            await station.bench("vehicle", settings={"wants_charge": True})
            told = Told(
                "cannot append to the journal", str(disk.path / "joulepost.db"), found, "expected", "df -h"
            )
            if not disk.mounted:
                told = Told(told.what, told.where, found, "expected a disk that works", "check it")
            told.check(station.log("controller"))
            await station.opened()
            why = json.dumps(await station.call("controller", "why", {"evse_id": 1}))
            assert "storage" in why and found in why
            disk.free(pid)
            await station.charging()
            assert "nothing was lost" in station.log("controller")
            await station.stop_and_leave()
            await balance(station, csms)


# ---------------------------------------------------------------------- the CSMS's door


class Door(Ledger):
    """A CSMS with TLS and passwords. Changes take effect with the next ``reopen``."""

    def __init__(self, version: str, tls: ssl.SSLContext, password: str) -> None:
        super().__init__(version)
        self.tls = tls
        self.password = password
        self.speaks = True

    async def up(self) -> None:
        self._server = await serve(
            self._converse,
            "127.0.0.1",
            self._port,
            subprotocols=self._subprotocols if self.speaks else None,
            process_request=self._look,
            ssl=self.tls,
            ping_interval=None,
            compression=None,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def reopen(self) -> None:
        await self.down()
        await self.up()

    @property
    def url(self) -> str:
        return f"wss://127.0.0.1:{self._port}/ocpp"

    def _look(self, connection: ServerConnection, request: Request) -> Response | None:
        expected = "Basic " + base64.b64encode(f"DESK01:{self.password}".encode()).decode()
        if request.headers.get("Authorization") == expected:
            return None
        return connection.respond(HTTPStatus.UNAUTHORIZED, "wrong password")

    async def _converse(self, socket: ServerConnection) -> None:
        if socket.subprotocol is None:
            await socket.wait_closed()
        else:
            await super()._converse(socket)


def context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(found)
    return found


def self_signed(directory: Path) -> ssl.SSLContext:
    """A certificate that vouches for itself."""
    authority = trustme.CA()
    chain = directory / "self-signed.pem"
    authority.private_key_pem.write_to_path(chain)
    authority.cert_pem.write_to_path(chain, append=True)
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(chain)
    return found


async def at_the_door() -> None:
    """Every way in which a CSMS does not let a station in, one after the other, while a car charges."""
    authority = trustme.CA()
    right = context(authority.issue_cert("127.0.0.1"))
    password = "a-right-password-16"
    async with Door("ocpp1.6", right, "another-password-16") as csms:
        url = f"{csms.url}/DESK01"
        await csms.down()
        ca_file = Path(tempfile.mkstemp(suffix=".pem")[1])
        authority.cert_pem.write_to_path(ca_file)
        async with Processes(
            csms.url, "ocpp1.6", settings=OFFLINE_TOO, password=password, ca_file=ca_file
        ) as station:
            shutil.move(ca_file, station.home / "ca.pem")
            station.edit(str(ca_file), "ca.pem")
            await station.start("bench", "safety", "controller")
            await station.linked()
            await station.until(lambda: station.fault_is(None), "no fault is left")
            await station.plug_and_swipe()

            async def says(*words: str) -> None:
                told = Told(*words)

                async def it_does() -> bool:
                    return told.within((await station.station())["csms"]["last_error"])

                await station.until(it_does, f"the station says {words}", 10)
                told.check(station.log("controller"))

            async def opens_with(tls: ssl.SSLContext, *words: str) -> None:
                csms.tls = tls
                await csms.reopen()
                await says(*words)

            await says("CSMS", url, "nothing listening", "a websocket server", "check the port")
            await opens_with(
                self_signed(station.home),
                *("certificate", url, "a self-signed certificate", "ca.pem", "configure the CSMS's root"),
            )
            await opens_with(
                context(trustme.CA().issue_cert("127.0.0.1")),
                *("certificate", url, "unable to get local issuer", "a chain that ends in", "ca_file"),
            )
            begin, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)
            await opens_with(
                context(authority.issue_cert("127.0.0.1", not_before=begin, not_after=end)),
                *("certificate", url, "expired", "valid today", "check the date of this station first"),
            )
            await opens_with(
                context(authority.issue_cert("csms.example.com")),
                *("certificate", url, "mismatch", "for the host of the URL", "check the host name"),
            )
            await opens_with(
                right,
                "CSMS",
                url,
                "HTTP status 401",
                "101 Switching Protocols",
                "check the password of DESK01",
            )
            csms.password, csms.speaks = password, False
            await opens_with(
                right, "CSMS", url, "no Sec-WebSocket-Protocol", "one of ocpp1.6", "configure an OCPP version"
            )
            assert password not in station.log("controller"), "secrets are not told"
            assert await station.charges(), "all the while"
            assert (await station.world())["operations"] == 1
            csms.speaks = True
            await csms.reopen()
            await station.stop_and_leave()
            await balance(station, csms)


# ---------------------------------------------------------------------- serial lines


class Cable:
    """A serial adapter between the bench's line at ``far`` and the controller's port at ``near``."""

    def __init__(self, near: Path, far: Path) -> None:
        self._far = os.open(far, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._far)
        self._near = SerialLine(near, self._send)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._far, lambda: self._near.write(os.read(self._far, 4096)))

    def _send(self, data: bytes) -> None:
        os.write(self._far, data)

    def pull(self) -> None:
        """The device is gone, for whoever has it open as well."""
        self._loop.remove_reader(self._far)
        self._near.close()
        os.close(self._far)


async def lost_lines() -> None:
    """The adapters of reader and meter are pulled and come back, the latter while a car charges. Without a
    meter charging pauses after a while: what cannot be measured is not sold."""
    settings = {**OFFLINE_TOO, "JoulepostCtrlr.MeterStale": 3}
    async with Ledger("ocpp1.6") as csms, Processes(csms.url, "ocpp1.6", settings=settings) as station:
        near, far = station.home / "near" / "dev", station.root / "dev"
        station.edit(f'root = "{station.root}"', 'root = "near"')
        await station.start("bench", "safety")
        reader = Cable(near / "rfid0", far / "rfid0")
        meter = Cable(near / "meter1", far / "meter1")
        try:
            await station.start("controller")
            await station.ready()

            def said(*words: str) -> bool:
                lines = station.log("controller").splitlines()
                return any(all(word in line for word in words) for line in lines)

            reader.pull()
            where = str(near / "rfid0")
            await station.until(lambda: said("card reader", where, "is gone", "check cable"), "it is missed")
            reader = Cable(near / "rfid0", far / "rfid0")
            await station.plug_and_swipe()

            meter.pull()
            where = str(near / "meter1")
            await station.until(lambda: said("meter of EVSE 1", where, "check"), "it is missed")
            await station.opened()
            why = json.dumps(await station.call("controller", "why", {"evse_id": 1}))
            assert where in why and "the meter answers again" in why
            meter = Cable(near / "meter1", far / "meter1")
            await station.charging()
            assert said("meter of EVSE 1: answers again")
            await station.stop_and_leave()
            assert "under load" not in station.log("safety")
            await balance(station, csms)
            assert "Traceback" not in station.log("controller")
        finally:
            reader.pull()
            meter.pull()


async def damaged_lines() -> None:
    """Garbage from meter and reader: no card, no reading, charging pauses and goes on."""
    settings = {**OFFLINE_TOO, "JoulepostCtrlr.MeterStale": 3}
    async with Ledger("ocpp2.0.1") as csms, Processes(csms.url, "ocpp2.0.1", settings=settings) as station:
        await station.start("bench", "safety", "controller")
        await station.ready()
        await station.plug_and_swipe()
        await station.call("bench", "fault.set", {"name": "meter_garbage"})
        await station.call("bench", "fault.set", {"name": "reader_garbage"})
        await station.bench("swipe", uid=CARD)
        await station.opened()
        assert not await station.idle(), "a damaged card stops nothing"
        Told(
            "meter of EVSE 1",
            "rtu:/dev/meter1",
            "no answer within 500 ms",
            "3 attempts",
            "check power, wiring",
        ).check(station.log("controller"))
        await station.call("bench", "fault.clear")
        await station.charging()
        await station.stop_and_leave()
        assert "under load" not in station.log("safety")
        await balance(station, csms)


# ---------------------------------------------------------------------- all of these

SCENARIOS: Scenarios = {
    "lost lines": lost_lines,  # the longest first
    "damaged lines": damaged_lines,
    "at the door": at_the_door,
    "broken files": broken_files,
    "full disk": full_disk,
    "wrong configuration": wrong_config,
    "no configuration": no_config,
    "wrong key in the board, controller": lambda: wrong_board("controller", ("phases", "phasen"), WRONG_KEY),
    "wrong key in the board, safety": lambda: wrong_board("safety", ("phases", "phasen"), WRONG_KEY),
    "wrong type in the board": lambda: wrong_board("safety", ("= 32000", '= "32 A"'), WRONG_TYPE),
    "unknown meter model": lambda: wrong_board("controller", ("SDM630 v2", "SDM631"), WRONG_MODEL),
    "no board": no_board,
    "controller.sock is a file": lambda: socket_taken(
        "controller", Path.touch, "exists", "is not a socket", "move it away"
    ),
    "safety.sock is a directory": lambda: socket_taken(
        "safety", Path.mkdir, "Is a directory", "expected nothing or an old socket", "move away what is there"
    ),
    "port in use": port_taken,
    "storage under a file": storage_under_a_file,
}


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> dict[str, BaseException | None]:
    return side_by_side(SCENARIOS, request)


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_bad_input(outcomes: dict[str, BaseException | None], name: str) -> None:
    end = outcomes[name]
    if end is not None:
        raise end


# ---------------------------------------------------------------------- frames and clocks, on virtual time

MALFORMED: tuple[str | bytes, ...] = (
    "",
    " ",
    "null",
    "5",
    '"text"',
    "{}",
    "[]",
    "[2]",
    '[2,"x"]',
    '[2,"x","Reset"]',
    '[2,"x","Reset",[]]',
    '[2,"x","Reset",{"type":"Medium"}]',
    '[2,"x","Reset",{"type":"Soft","more":1}]',
    '[2,"x","Reset",{}]',
    '[2,5,"Reset",{"type":"Soft"}]',
    '[2,"","Reset",{"type":"Medium"}]',
    f'[2,"{"i" * 500}","Reset",{{"type":"Medium"}}]',
    '[2,"x",7,{}]',
    '[2,"x","NoSuchAction",{}]',
    '[2,"x","Reset",{"type":"Soft"}',
    '[2,"x","Reset",{"type":NaN}]',
    '[2,"x","GetConfiguration",{"key":"not a list"}]',
    '[2,"x","RemoteStopTransaction",{"transactionId":"1"}]',
    '[2,"x","RemoteStopTransaction",{"transactionId":4711}]',
    '[3,"unknown",{}]',
    "[3]",
    '[3,"x"]',
    '[3,null,{"status":"Accepted"}]',
    '[4,"unknown","InternalError","",{}]',
    '[4,"x"]',
    "[5,1,2]",
    '[6,"x","Reset",{"type":"Soft"}]',
    '[-1,"x","Reset",{"type":"Soft"}]',
    '[2.5,"x","Reset",{"type":"Soft"}]',
    '["2","x","Reset",{"type":"Soft"}]',
    "[" * 5000,
    '[2,"x","DataTransfer",' + '{"a":' * 3000 + "1" + "}" * 3000 + "]",
    "9" * 5000,
    f'[2,"x","DataTransfer",{{"vendorId":"{"v" * 600_000}"}}]',
    "\ufeff[2]",
    '[2,"\\ud800","Reset",{"type":"Medium"}]',
    b"[2]",
    b"\x00\xff" * 100,
    "<xml/>",
)


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
def test_malformed_frames_of_every_kind_disturb_no_charge(tmp_path: Path, version: str) -> None:
    """Also two that cost the connection: a message above the limit, and answers that are no OCPP."""

    async def one() -> None:
        async with Ledger(version) as csms, House.build(tmp_path, csms, version) as house:
            await house.online()
            csms.script("StartTransaction", garbage('{"not":"OCPP"}'), garbage("[3,"))
            csms.script("TransactionEvent", garbage('{"not":"OCPP"}'), garbage("[3,"))
            house.world.plug(1, max_ma=16_000)
            await house.sleep(1)
            house.world.swipe(CARD)
            await house.until(house.charging, "current flows")
            contactor = house.safety.evses[0].state.contactor
            connections = csms.connections
            for frame in MALFORMED:
                await csms.raw(frame)
            await house.sleep(2)
            assert csms.connections == connections, "none of these is a reason to hang up"
            await csms.raw("x" * (1024 * 1024 + 1))
            await house.until(lambda: csms.connections == connections + 1, "it comes back")
            await house.delivered()
            assert house.charging()
            assert house.safety.evses[0].state.contactor.operations == contactor.operations
            if csms.old:
                assert (await csms.call("GetConfiguration", {"key": ["HeartbeatInterval"]}))[
                    "configurationKey"
                ]
            else:
                trigger: Payload = {"requestedMessage": "Heartbeat"}
                assert (await csms.call("TriggerMessage", trigger))["status"] == "Accepted"
            house.world.swipe(CARD)
            await house.until(lambda: house.happened(TransactionEnded), "the transaction ends")
            await house.delivered()
            house.check_books()
            csms.check()

    run_virtual(one())


DAY_MS = 86_400_000


@pytest.mark.parametrize("jump_days", [3650, -3650, 1, -1, 0.01, -0.01])
@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
def test_a_jump_of_the_clock_changes_no_charge(tmp_path: Path, version: str, jump_days: float) -> None:
    """UTC is a label: leases, intervals and energy live on the monotonic clock."""
    settings: dict[str, str | int | bool] = {
        "SampledDataCtrlr.TxUpdatedInterval": 2,
        "AlignedDataCtrlr.Interval": 60,
    }

    async def one() -> None:
        async with Ledger(version) as csms, House.build(tmp_path, csms, version, settings=settings) as house:
            await house.online()
            house.world.plug(1, max_ma=16_000)
            await house.sleep(1)
            house.world.swipe(CARD)
            await house.until(house.charging, "current flows")
            await house.sleep(4)
            before = len(house.events())
            house.clock.set_utc(house.clock.now().utc_ms + round(jump_days * DAY_MS))
            await house.sleep(4)
            assert house.charging()
            assert house.safety.evses[0].state.contactor.operations == 1
            assert 1 <= len(house.events()) - before <= 4, "samples go on, neither none nor a flood"
            await house.kill_controller()
            await house.sleep(2)
            house.start_controller()
            await house.online()
            house.world.swipe(CARD)
            await house.until(lambda: house.happened(TransactionEnded), "the transaction ends")
            await house.delivered()
            house.check_books()
            (booked,) = csms.check()
            (started,), (ended,) = house.happened(TransactionStarted), house.happened(TransactionEnded)
            assert (booked.starts, booked.stops) == ([started.register_wh], [ended.register_wh])

    run_virtual(one())
