"""What a start takes over from the run before: why it ended, and what time it is.

Owns: the boot reason, and the clock before anybody has set it.
Refuses to know: how time is kept (``domain.timekeeping``), what the CSMS makes of the reason.
"""

from __future__ import annotations

from pathlib import Path

from controller.clock import Clock
from controller.domain.commands import ResetKind
from controller.domain.events import FirmwareStatus
from controller.domain.station import Station
from controller.store.ports import Journal


def boot_id() -> str:
    """Which run of the machine this is: CLOCK_MONOTONIC counts within it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def boot_reason(station: Station, journal: Journal, machine_boot_id: str) -> str:
    """2.0.1 BootReasonEnumType: what the journal tells of how the last run ended."""
    begun = station.restarts.begun
    if begun is not None:
        return "ScheduledReset" if begun is ResetKind.ON_IDLE else "RemoteReset"
    if station.firmware.status is FirmwareStatus.INSTALL_REBOOTING:
        return "FirmwareUpdate"
    last = journal.after(journal.last_seq() - 1, 1)
    return "ApplicationReset" if last and last[0].boot_id == machine_boot_id else "PowerUp"


def resume_clock(station: Station, journal: Journal, machine_boot_id: str, clock: Clock) -> None:
    """Go on with the time that was known before a restart of the program. After a restart of the machine
    nobody knows the time yet; but it is not earlier than what the journal has."""
    timekeeping, now = station.timekeeping, clock.now()
    offset_ms = timekeeping.offset_ms(machine_boot_id)
    if offset_ms is not None:
        clock.set_utc(now.mono_ms + offset_ms)
        return
    for last in journal.after(journal.last_seq() - 1, 1):
        if last.boot_id == machine_boot_id:
            continue
        by_ms = timekeeping.wrong_by_ms(last.boot_id, last.utc_ms, last.mono_ms)
        if now.utc_ms < last.utc_ms + by_ms:
            clock.set_utc(last.utc_ms + by_ms, sure=False)
