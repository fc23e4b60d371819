"""What is wrong with the station itself beside its storage: warnings, since charging goes on.

Owns: the faults of card readers, of a restart that failed and of a certificate that expires (2.0.1 N07; 1.6
shows them on connector 0).
Refuses to know: how a device fails; the faults of an EVSE (``fault_keeper``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from controller.domain.block import Handler
from controller.domain.events import Event, FaultCleared, FaultRaised
from controller.domain.faults import CERTIFICATE_EXPIRES, READER_SILENT, RESET_FAILED
from controller.domain.inputs import ReaderChanged, RestartFailed
from controller.domain.turn import Turn

_MINE = (READER_SILENT, RESET_FAILED, CERTIFICATE_EXPIRES)


class Devices:
    """``faults``: name -> UTC ms of its beginning; durable, so that the next start tells of their end."""

    def __init__(self, certificate_expires: Callable[[int], bool | None]) -> None:
        """``certificate_expires``: soon, at these UTC ms; None = not known yet."""
        self._certificate_expires = certificate_expires
        self.faults: dict[str, int] = {}
        self._silent_readers: set[int] = set()
        self._reset_failed = False

    @property
    def handlers(self) -> Mapping[type, Handler]:
        return {ReaderChanged: self._reader_changed, RestartFailed: self._restart_failed}

    def apply(self, event: Event) -> None:
        match event:
            case FaultRaised(evse_id=0) if event.fault in _MINE:
                self.faults[event.fault] = event.at_ms
            case FaultCleared(evse_id=0):
                self.faults.pop(event.fault, None)
            case _:
                pass

    def settle(self, turn: Turn) -> None:
        present = {READER_SILENT} if self._silent_readers else set()
        if self._reset_failed:
            present.add(RESET_FAILED)
        expires = self._certificate_expires(turn.now.utc_ms)
        if expires or (expires is None and CERTIFICATE_EXPIRES in self.faults):
            present.add(CERTIFICATE_EXPIRES)
        for name in sorted(present - self.faults.keys()):
            turn.emit(FaultRaised(0, name, turn.now.utc_ms))
        for name in sorted(self.faults.keys() - present):
            turn.emit(FaultCleared(0, name, turn.now.utc_ms))

    def checkpoint(self) -> list[Event]:
        return [FaultRaised(0, name, at_ms) for name, at_ms in sorted(self.faults.items())]

    def next_deadline_ms(self) -> int | None:
        return None

    @property
    def warning(self) -> str | None:
        """The oldest one."""
        return min(self.faults, key=lambda name: (self.faults[name], name), default=None)

    def _reader_changed(self, changed: ReaderChanged, _turn: Turn) -> None:
        if changed.why is None:
            self._silent_readers.discard(changed.reader)
        else:
            self._silent_readers.add(changed.reader)

    def _restart_failed(self, _failed: RestartFailed, _turn: Turn) -> None:
        self._reset_failed = True
