"""TriggerMessage (1.6 5.17; 2.0.1 F06): what the CSMS asks to be told now.

Owns: what can be asked for, and the meter values that are told then.
Refuses to know: the messages, which the shell makes of it (``effects.Send``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from controller.domain.block import Handler
from controller.domain.commands import Status, TriggerKind, TriggerMessage, Verdict
from controller.domain.effects import Send
from controller.domain.events import Trigger
from controller.domain.evse.evse import Evse
from controller.domain.metering.main_meter import MainMeter
from controller.domain.metering.measurands import MeterSample, ReadingContext
from controller.domain.turn import Turn


class Triggers:
    """Keeps nothing."""

    def __init__(
        self, evses: Mapping[int, Evse], main_meter: MainMeter, sign: Callable[[Turn], Verdict]
    ) -> None:
        """``sign``: asks for a certificate, as far as the station wants one."""
        self._evses = evses
        self._main_meter = main_meter
        self._sign = sign
        self.handlers: Mapping[type, Handler] = {TriggerMessage: self._trigger}

    def sample(self, evse_id: int, context: ReadingContext, turn: Turn) -> MeterSample | None:
        """The latest sampled measurands (1.6 5.17, errata 3.46). ``evse_id`` 0 = of the main meter."""
        if evse_id == 0:
            return self._main_meter.take(turn, turn.policy.sampled_measurands, context)
        evse = self._evses.get(evse_id)
        return None if evse is None else evse.sampler.take(turn, turn.policy.sampled_measurands, context)

    def _trigger(self, command: TriggerMessage, turn: Turn) -> Verdict:
        if command.kind is TriggerKind.OTHER:
            return Verdict(Status.NOT_IMPLEMENTED)
        if command.evse_id not in (None, 0) and command.evse_id not in self._evses:
            return Verdict(Status.REJECTED, "UnknownEvse", f"there is no EVSE {command.evse_id}")
        if command.kind is TriggerKind.SIGN_CERTIFICATE:
            return self._sign(turn)
        if command.kind is TriggerKind.TRANSACTION:
            return self._transactions(command.evse_id, turn)
        if command.kind is TriggerKind.METER_VALUES and not self._can_sample(command.evse_id, turn):
            return Verdict(Status.REJECTED, "NoValues", "there are no meter values to tell")
        turn.do(Send(command))
        return Verdict(Status.ACCEPTED)

    def _can_sample(self, evse_id: int | None, turn: Turn) -> bool:
        """``evse_id`` 0 = of the main meter, None = of any meter."""
        asked = (0, *self._evses) if evse_id is None else (evse_id,)
        return any(self.sample(each, ReadingContext.TRIGGER, turn) is not None for each in asked)

    def _transactions(self, evse_id: int | None, turn: Turn) -> Verdict:
        """2.0.1 F06.FR.07: the event gets its number in the transaction, so it goes through the journal."""
        running = [
            evse
            for evse in self._evses.values()
            if evse.transaction is not None and evse_id in (None, 0, evse.spec.evse_id)
        ]
        for evse in running:
            taken = evse.sampler.take(turn, turn.policy.sampled_measurands, ReadingContext.TRIGGER)
            evse.visit.update(turn, Trigger.TRIGGER, (taken,) if taken else ())
        if not running:
            return Verdict(Status.REJECTED, "TxNotFound", "no transaction is running")
        return Verdict(Status.ACCEPTED)
