"""The processes of the demo: bench, desk CSMS, safety, controller, in one directory.

Owns: the directory, starting and ending the four as real child processes, asking them for snapshots.
Refuses to know: what the demo does with them, and how it is shown.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from signal import SIGKILL
from typing import Any

from controller.config import desk_config
from controller.local.children import die_with_parent, end_all, joulepost
from controller.local.client import LocalClient, Unreachable
from controller.local.exits import RESTART
from controller.local.messages import RpcError
from controller.local.sockets import check_length, socket_path

STATION_ID = "DEMO01"
MARK = ".joulepost-demo"
"""A file in directories the demo made: only those are used again."""
START_TIMEOUT_S = 30.0
RESTART_TIMEOUT_S = 2.0
LONGEST_TEMPORARY = 60
"""Bytes of a temporary directory's path: the sockets below it have to fit (``sockets.SOCKET_PATH_BYTES``)."""
SETTINGS: Mapping[str, str | int | bool] = {"SampledDataCtrlr.TxUpdatedInterval": 2}


class DemoFailed(Exception):
    """Something did not come as expected. The message says what was expected and what was seen."""


def volts(mv: int) -> str:
    return f"{mv / 1000:+.1f} V"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What three processes say at one moment. ``wire``: the bench's EVSE 1; ``evse``: the controller's;
    ``transactions``: the CSMS's, oldest first; ``told``: the status the CSMS was told for EVSE 1;
    ``firmware``: version of the last boot, ``firmware_statuses``: as told; ``refused``: tokens lately."""

    wire: Mapping[str, Any]
    station: Mapping[str, Any]
    evse: Mapping[str, Any]
    transactions: Sequence[Mapping[str, Any]]
    told: str
    violations: Sequence[str]
    firmware: str = ""
    firmware_statuses: Sequence[str] = ()
    refused: Sequence[str] = ()

    @property
    def current_ma(self) -> int:
        return max(int(one) for one in self.wire["current_ma"])

    @property
    def energy_wh(self) -> float:
        """The bench's own meter, since the world began."""
        return float(self.wire["energy_uwh"]) / 1e6

    def line(self) -> str:
        """One line for people: volts, duty, contacts, current, energy."""
        wire = self.wire["wire"]
        contacts = "closed" if self.wire["contacts_closed"] else "open"
        return (
            f"pilot {self.evse.get('pilot', '?')} {volts(wire['high_mv'])} / {volts(wire['low_mv'])}, "
            f"duty {wire['duty_pm'] / 10:.1f} %, contactor {contacts}, "
            f"{self.current_ma / 1000:.1f} A, {self.energy_wh / 1000:.3f} kWh, {self.evse.get('status', '?')}"
        )


class DemoStation:
    """``with DemoStation(...) as station: station.start(); station.look(); station.bench("plug", ...)``.

    ``directory`` None: a temporary one, removed at the end unless ``keep()`` was called.
    """

    def __init__(self, directory: Path | None, ocpp: str, speed: float, tell: Callable[[str], None]) -> None:
        self._given = directory
        self._ocpp = ocpp
        self._speed = speed
        self._tell = tell
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._argv: dict[str, Sequence[str]] = {}
        self._clients: dict[str, LocalClient] = {}
        self._keep = directory is not None
        self.home = Path()
        self.station_id = STATION_ID

    def __enter__(self) -> DemoStation:
        self.home = _home(self._given)
        return self

    def __exit__(self, *exc: object) -> None:
        for client in self._clients.values():
            client.close()
        # The controller first, so that it can still tell everyone; the world and the CSMS last.
        order = ("controller", "safety", "bench", "csms")
        killed = end_all([self._children[name] for name in order if name in self._children])
        if killed:
            self._tell(f"did not end by themselves and were killed: pid {', '.join(killed)}")
        if not self._keep:
            rmtree(self.home, ignore_errors=True)

    def keep(self) -> None:
        """Leave the directory with its logs behind."""
        self._keep = True

    @property
    def logs(self) -> list[Path]:
        return sorted((self.home / "logs").glob("*.log"))

    # ------------------------------------------------------------------ processes

    def start(self) -> None:
        """Start all four and wait until each answers. Raises ``DemoFailed``."""
        home, run = str(self.home), str(self.home / "run")
        self._spawn("csms", joulepost("csms", "serve", "--dir", home, "--port", "0", "--ocpp", self._ocpp))
        self._spawn("bench", joulepost("bench", "serve", "--dir", home, "--speed", str(self._speed)))
        url = str(self._answer("csms")["url"])
        config = desk_config(
            self.home, station_id=STATION_ID, url=url, versions=[f"ocpp{self._ocpp}"], settings=SETTINGS
        )
        (self.home / "station.toml").write_text(config)
        self._answer("bench")
        root = str(self.home / "root")
        safety = ["--board", "simulated", "--root", root, "--runtime", run, "--evses", "1"]
        self._spawn("safety", joulepost("safety", *safety))
        self._spawn("controller", joulepost("controller", "--config", str(self.home / "station.toml")))
        self._answer("controller")

    def _spawn(self, name: str, argv: Sequence[str]) -> None:
        self._argv[name] = argv
        with (self.home / "logs" / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                # SIGKILL: nothing may be left behind, even when the demo itself is killed. The outputs are
                # simulated; their world dies with them.
                preexec_fn=die_with_parent(SIGKILL),
            )

    def _answer(self, process: str) -> Any:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            self.check_alive()
            try:
                return self._call(process, "status")
            except Unreachable as exc:
                if time.monotonic() > deadline:
                    raise DemoFailed(
                        f"{process}: expected to answer within {START_TIMEOUT_S:g} s: {exc}"
                    ) from exc
            time.sleep(0.05)

    def check_alive(self) -> None:
        """Raises ``DemoFailed`` with the end of the log of a process that has ended. One that asks to be
        started again (new firmware, a reset) is, as the service manager does."""
        for name, child in list(self._children.items()):
            status = child.poll()
            if status == RESTART:
                self._tell(f"{name} restarts")
                gone = self._clients.pop(name, None)
                if gone is not None:
                    gone.close()
                self._spawn(name, self._argv[name])
                self._answer(name)
            elif status is not None:
                log = self.home / "logs" / f"{name}.log"
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
                raise DemoFailed(f"{name} ended with status {status}; the end of {log}:\n{tail}")

    # ------------------------------------------------------------------ asking

    def look(self) -> Snapshot:
        """Ask bench, controller and CSMS. Raises ``DemoFailed``, ``Unreachable``."""
        self.check_alive()
        wire = self._call("bench", "status")["evses"][0]
        station = self._call("controller", "status")
        stations = self._call("csms", "status")["stations"]
        mine = next((one for one in stations if one["identity"] == STATION_ID), None)
        return Snapshot(
            wire,
            station,
            station["evses"][0],
            mine["transactions"] if mine else [],
            mine["evses"].get("1", "") if mine else "",
            mine["violations"] if mine else [],
            mine["firmware"] if mine else "",
            mine["firmware_statuses"] if mine else [],
            self._refused(),
        )

    def _refused(self) -> list[str]:
        rows = self._call("controller", "journal.tail", {"count": 10})
        return [row["data"]["token"]["value"] for row in rows if row["type"] == "TokenRefused"]

    def frames(self, after: int) -> list[dict[str, Any]]:
        """OCPP frames above a number, as the CSMS saw them."""
        found: list[dict[str, Any]] = self._call("csms", "frames", {"after": after})
        return found

    def why(self) -> str:
        """The controller's own verdict on EVSE 1; empty when it cannot be asked."""
        with suppress(Unreachable, RpcError):
            rows = self._call("controller", "why", {"evse_id": 1})
            return str(next((row["value"] for row in rows if row["kind"] == "verdict"), ""))
        return ""

    def bench(self, method: str, **params: Any) -> None:
        """Act in the world. Raises ``DemoFailed`` when the world refuses."""
        self._act("bench", method, params)

    def order(self, *words: str) -> Mapping[str, Any]:
        """Let the CSMS send something; returns the answer. Raises ``DemoFailed`` unless it says yes."""
        found = self._act("csms", "send", {"words": list(words)})
        if not found["accepted"]:
            raise DemoFailed(f"{' '.join(words)}: expected Accepted, seen {found['answer']}")
        answer: Mapping[str, Any] = found["answer"]
        return answer

    def _act(self, process: str, method: str, params: Mapping[str, Any]) -> Any:
        try:
            return self._call(process, method, params)
        except RpcError as exc:
            raise DemoFailed(f"{process} {method}: {exc.message}") from exc

    def _call(self, process: str, method: str, params: Mapping[str, Any] | None = None) -> Any:
        try:
            return self._client(process).call(method, params)
        except Unreachable:
            if not self._restarts(process):
                raise
        self.check_alive()
        return self._client(process).call(method, params)

    def _client(self, process: str) -> LocalClient:
        client = self._clients.get(process)
        if client is None:
            client = self._clients[process] = LocalClient(socket_path(self.home / "run", process), 40)
        return client

    def _restarts(self, process: str) -> bool:
        """Whether a process that has just gone away asks to be started again."""
        with suppress(subprocess.TimeoutExpired):
            return self._children[process].wait(RESTART_TIMEOUT_S) == RESTART
        return False


def _home(given: Path | None) -> Path:
    """The directory, made. Raises ``DemoFailed``."""
    if given is None:
        place = tempfile.gettempdir()
        if len(place.encode()) > LONGEST_TEMPORARY:
            place = "/tmp"
        home = Path(tempfile.mkdtemp(prefix="jp-", dir=place))
    else:
        home = given.absolute()
        if home.exists() and not (home / MARK).exists() and any(home.iterdir()):
            raise DemoFailed(
                f"{home}: expected an empty directory or one of an earlier demo: choose another --dir"
            )
    try:
        check_length(socket_path(home / "run", "controller"))
        (home / "logs").mkdir(parents=True, exist_ok=True)
        (home / MARK).touch()
    except OSError as exc:
        raise DemoFailed(str(exc)) from exc
    return home
