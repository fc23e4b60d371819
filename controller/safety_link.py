"""The controller's end of the line to the safety process: permits out, reports in.

Owns: when permits are sent (about once a second, and at once when a wish changes), what counts as silence,
and the translation between the safety process's words and the domain's.
Refuses to know: what a permit is for; the safety process (``DirectLink`` runs without one, in tests).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from controller.clock import Clock
from controller.domain.evse.permit_wish import PermitWish
from controller.domain.inputs import EvseFacts, Input, SafetyLost
from controller.safety.permit import LockWish, Permit
from controller.safety.report import Report
from controller.safety.wire import LARGEST, WireError, decode_report, encode_permit

RENEW_S = 1.0
"""Permits are renewed so often; a lease outlives several losses."""
SILENCE_MS = 2_000
"""Reports come at 5 Hz: none for so long means that the safety process is gone or hangs."""
RECONNECT_S = 0.5

Give = Callable[[Input], object]
Say = Callable[[str], None]


def facts_of(report: Report) -> EvseFacts:
    """A report in the domain's words. Without a mirror contact the command stands for the contactor."""
    closed = report.contactor_commanded if report.mirror_closed is None else report.mirror_closed
    return EvseFacts(
        evse_id=report.evse_id,
        at_ms=report.at_ms,
        pilot=report.pilot,
        pwm=report.pwm,
        plug_no=report.plug_no,
        offered_ma=report.offered_ma,
        contactor_closed=closed,
        rating_ma=report.rating_ma,
        cable_ma=report.cable_ma,
        locked=report.locked,
        permit_held=report.permit_held,
        inhibits=tuple(
            sorted((one.name.lower().replace("_", "-"), since) for one, since in report.inhibits.items())
        ),
        high_mv=report.high_mv,
        low_mv=report.low_mv,
        duty_pm=report.duty_pm,
        operations=report.operations,
        openings_under_load=report.openings_under_load,
        wake_ups=report.wake_ups,
        simplified_ma=report.simplified_ma,
        close_took_ms=report.close_took_ms,
        open_took_ms=report.open_took_ms,
        safety_since_ms=report.counting_since_ms,
        temperature_limit_ma=report.temperature_limit_ma,
        hottest_mdeg_c=report.hottest_mdeg_c,
        sensors_lost=report.sensors_lost,
        phases=report.phases,
    )


def permit_of(wish: PermitWish) -> Permit:
    """A wish of the station as the lease that the safety process understands."""
    return Permit(
        evse_id=wish.evse_id,
        plug_no=wish.plug_no,
        limit_ma=min(wish.limit_ma, 80_000),
        expires_at_ms=wish.expires_at_ms,
        phases=3 if wish.phases > 1 else 1,
        lock=_lock_wish(wish),
        unavailable=wish.unavailable,
        reset_faults=wish.reset_faults,
    )


def _lock_wish(wish: PermitWish) -> LockWish:
    if wish.unlock:
        return LockWish.UNLOCKED
    return LockWish.LOCKED if wish.keep_locked else LockWish.AUTOMATIC


class SafetyLink:
    """One Unix SOCK_SEQPACKET connection, made anew whenever it is lost. ``run`` until cancelled."""

    def __init__(
        self,
        path: Path,
        wishes: Callable[[], Iterable[PermitWish]],
        clock: Clock,
        give: Give,
        say: Say,
    ) -> None:
        self._path = path
        self._wishes = wishes
        self._clock = clock
        self._give = give
        self._say = say
        self._socket: socket.socket | None = None
        self._lost = asyncio.Event()
        self._sent: dict[int, tuple[Any, ...]] = {}
        self._heard_ms: int | None = None
        self._started_ms = clock.now().mono_ms
        self._silent = True
        self._told = False  # the station knows that it is silent
        self._why = f"not connected yet to {path}"
        self.malformed = 0

    def status(self) -> Mapping[str, Any]:
        """For ``joulepost status``."""
        age = None if self._heard_ms is None else self._clock.now().mono_ms - self._heard_ms
        return {"linked": not self._silent, "why": self._why if self._silent else "", "age_ms": age}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._renew())
            while True:
                await self._connect()
                await self._lost.wait()
                self._disconnect()
                self._silence("the safety process closed the connection")
                await asyncio.sleep(RECONNECT_S)

    async def _connect(self) -> None:
        while True:
            line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            line.setblocking(False)
            try:
                line.connect(str(self._path))
            except OSError as error:
                line.close()
                self._silence(
                    f"no connection to the safety process at {self._path} ({error.strerror or error}): "
                    "is it running? systemctl status joulepost-safety"
                )
                await asyncio.sleep(RECONNECT_S)
                continue
            self._socket = line
            if self._silent:
                self._why = f"connected to {self._path}, no report yet"
            self._lost.clear()
            self._sent.clear()
            asyncio.get_running_loop().add_reader(line, self._receive)
            return

    def _disconnect(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _receive(self) -> None:
        line = self._socket
        if line is None:
            return
        while True:
            try:
                message = line.recv(LARGEST)
            except BlockingIOError:
                return
            except OSError:
                message = b""
            if not message:
                asyncio.get_running_loop().remove_reader(line)
                self._lost.set()
                return
            try:
                report = decode_report(message)
            except WireError as error:
                self.malformed += 1
                self._say(f"safety process: {error}; are both processes of the same version?")
                continue
            self._heard_ms = self._clock.now().mono_ms
            if self._silent:
                self._silent = self._told = False
                self._say("safety process: reports arrive")
            self._give(facts_of(report))

    async def _renew(self) -> None:
        while True:
            self.send(everything=True)
            if self._overdue():
                self._silence(self._why if self._silent else f"no report for more than {SILENCE_MS} ms")
            await asyncio.sleep(RENEW_S)

    def send(self, everything: bool = False) -> None:
        """Send the permits whose wish changed, or all. A full or lost line loses them: the next heals."""
        line = self._socket
        if line is None:
            return
        for wish in self._wishes():
            # The expiry moves all the time; it alone is no change worth a message.
            substance = (
                wish.plug_no,
                wish.limit_ma,
                wish.phases,
                wish.unavailable,
                wish.unlock,
                wish.keep_locked,
                wish.reset_faults,
            )
            if not everything and self._sent.get(wish.evse_id) == substance:
                continue
            try:
                line.send(encode_permit(permit_of(wish)))
            except BlockingIOError:
                return
            except OSError:
                self._lost.set()
                return
            self._sent[wish.evse_id] = substance

    def _overdue(self) -> bool:
        """No report for too long; at the start the safety process has the same time to be heard of."""
        since_ms = self._started_ms if self._heard_ms is None else self._heard_ms
        return self._clock.now().mono_ms - since_ms > SILENCE_MS

    def _silence(self, why: str) -> None:
        self._why = why
        self._silent = True
        if self._told or (self._heard_ms is None and not self._overdue()):
            return
        self._told = True
        self._say(f"safety process: {why}")
        self._give(SafetyLost(why))


class DirectLink:
    """The same translation without a process between: for simulations that step both sides by hand."""

    def __init__(self, wishes: Callable[[], Iterable[PermitWish]], give: Give) -> None:
        self._wishes = wishes
        self._give = give

    def permits(self) -> list[Permit]:
        return [permit_of(wish) for wish in self._wishes()]

    def report(self, report: Report) -> None:
        self._give(facts_of(report))
