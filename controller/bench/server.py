"""``joulepost bench serve``: the simulated world with a control socket.

Owns: bench.sock and its methods. Refuses to know: physics and fake devices (``hal.simulated``), and the
processes under test: controller and safety see only devices below the root.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from controller.local.jsonrpc import LocalServer
from controller.local.sockets import socket_path
from hal.interface import HardwareError
from hal.profile import ProfileError, load_profile
from hal.simulated.server import BenchServer
from hal.simulated.world import World


class BenchError(Exception):
    """The world cannot be served as asked. The message says why and what to do."""


def methods(bench: BenchServer) -> Mapping[str, Callable[..., Any]]:
    """The methods of bench.sock. Each answers when the world has changed; ``ValueError`` of the world becomes
    "bad parameter"."""

    def evse_status(evse: int) -> dict[str, Any]:
        bench.world.evse(evse)  # its error names the EVSEs there are
        found: dict[str, Any] = next(one for one in bench.status()["evses"] if one["evse_id"] == evse)
        return found

    def active() -> dict[str, Any]:
        return {"active": bench.status()["faults"]}

    def status() -> dict[str, Any]:
        """Volts, contacts and currents of the world."""
        return bench.status()

    def plug(evse: int = 1, settings: dict[str, Any] | None = None) -> dict[str, Any]:
        """Plug the vehicle in; settings change it first (and cable_ma the cable of a socket)."""
        bench.plug(evse, **_named(settings))
        return evse_status(evse)

    def unplug(evse: int = 1, force: bool = False) -> dict[str, Any]:
        """Pull the plug; a locked one only with force."""
        bench.unplug(evse, force=force)
        return evse_status(evse)

    def swipe(uid: str, reader: int = 0) -> dict[str, Any]:
        """Hold a card (hex) to a reader."""
        bench.swipe(uid, reader)
        return {"uid": uid.upper(), "reader": reader}

    def vehicle(evse: int = 1, settings: dict[str, Any] | None = None) -> dict[str, Any]:
        """Change the vehicle at an EVSE; answers all its values."""
        bench.set_vehicle(evse, **_named(settings))
        found: dict[str, Any] = evse_status(evse)["vehicle"]
        return found

    def ambient(mdeg_c: int, evse: int | None = None) -> dict[str, Any]:
        """Set the temperature of the air around an EVSE, or around all."""
        bench.set_ambient(mdeg_c, evse)
        found = bench.status()["evses"]
        return {"temperature_mdeg_c": {one["evse_id"]: one["temperature_mdeg_c"] for one in found}}

    def fault_set(name: str, evse: int = 1) -> dict[str, Any]:
        """Let a fault happen."""
        bench.fault_set(name, evse)
        return active()

    def fault_clear(name: str | None = None, evse: int = 1) -> dict[str, Any]:
        """Repair a fault; without a name all of them."""
        bench.fault_clear(name, evse)
        return active()

    def fault_list() -> list[dict[str, Any]]:
        """Every fault there is, and where it is active."""
        return bench.fault_list()

    return {
        "status": status,
        "plug": plug,
        "unplug": unplug,
        "swipe": swipe,
        "vehicle": vehicle,
        "ambient": ambient,
        "fault.set": fault_set,
        "fault.clear": fault_clear,
        "fault.list": fault_list,
    }


def _named(settings: dict[str, Any] | None) -> dict[str, Any]:
    """Settings that cannot be mistaken for a parameter of the world's own methods."""
    found = settings or {}
    for name in ("evse_id", "vehicle", "self"):
        if name in found:
            raise ValueError(f"vehicle has no {name!r}: see `joulepost bench vehicle` for what it has")
    return found


async def run_bench(
    directory: Path, board: str, evses: int, speed: float, seed: int, show: Callable[[str], None]
) -> None:
    """Serve until SIGINT or SIGTERM. ``board``: a profile's name or file.

    Raises ``BenchError``, ``jsonrpc.AlreadyServed``, ``sockets.PathTooLong``, ``OSError``.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        profile = load_profile(board, evses)
        bench = BenchServer(World(seed=seed, profile=profile), directory / "root", speed)
    except (ProfileError, ValueError) as exc:
        raise BenchError(str(exc)) from exc
    # The control socket first: its lock is what keeps two benches from one directory.
    async with LocalServer(socket_path(directory / "run", "bench"), 0o660, methods(bench)):
        try:
            await bench.start()
        except (HardwareError, ProfileError) as exc:
            raise BenchError(str(exc)) from exc
        try:
            show(f"bench: {evses} EVSE, board {profile.name}, speed {speed:g}, devices below {bench.root}")
            await stop.wait()
        finally:
            await bench.close()
