"""The controller as a process: what ``joulepost controller`` runs.

Owns: reading the files, the signals, the word to systemd, the exit status.
Refuses to know: what the controller does (``app``). Nobody imports this module but the command line.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from controller.app import App
from controller.clock import SystemClock
from controller.config import ConfigError, StationConfig, apply_overrides, check_evses, load_config
from controller.exhaustion import vitals
from controller.local import exits
from controller.local.jsonrpc import AlreadyServed
from controller.local.sockets import PathTooLong
from controller.reboot import DEFAULT_COMMAND, Reboot, reboot_by
from controller.settings.settings import SettingsError
from controller.store.ports import StorageError
from hal.board import open_service_board
from hal.profile import BoardProfile, ProfileError, load_profile


def run(config_path: Path, overrides: Mapping[str, str] | None = None) -> int:
    """The controller in the foreground, until SIGTERM or SIGINT. Returns the exit status.

    0 stopped, 1 failed, 4 configuration, 75 restart wanted (a supervisor starts it again).
    """

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    try:
        config = apply_overrides(load_config(config_path), overrides or {})
        profile = load_profile(config.board.profile, config.board.evses)
        check_evses(config, [evse.evse_id for evse in profile.evses])
    except (ConfigError, ProfileError) as error:
        say(str(error))
        return exits.CONFIGURATION
    try:
        board = open_service_board(profile, config.board.root)
    except ProfileError as error:  # of a driver, which does not know the file
        say(f"board profile {config.board.profile}: {error}")
        return exits.CONFIGURATION

    async def main() -> int:
        try:
            config.runtime_dir.mkdir(parents=True, exist_ok=True)
            app = App(
                config,
                profile,
                board,
                SystemClock(),
                say,
                reboot=_reboot(config, profile),
                measure=lambda: vitals(config.storage_dir),
            )
            loop = asyncio.get_running_loop()
            for signal_number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(signal_number, app.stop)
            notify_ready()
            return await app.run()
        except (StorageError, AlreadyServed, PathTooLong, OSError) as error:
            say(str(error))
            return exits.FAILED
        except (SettingsError, ConfigError) as error:
            say(str(error))
            return exits.CONFIGURATION

    return asyncio.run(main())


def _reboot(config: StationConfig, profile: BoardProfile) -> Reboot | None:
    """A simulated board runs on somebody's desk, whose machine is not restarted unless the file says so."""
    command = config.reboot_command
    if command is None:
        command = () if profile.driver == "simulated" else DEFAULT_COMMAND
    return reboot_by(command) if command else None


def notify_ready() -> None:
    """Tell systemd that the process is up (Type=notify); nothing without NOTIFY_SOCKET."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    path = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.connect(path)
        line.send(b"READY=1")
