"""The power fails after every single entry of the journal, with two vehicles, online and offline.

One station lives through as many sessions as one has entries; in each the power goes right after the commit
of another one, before anybody hears of it, and comes back two seconds later: of the whole machine, or of the
controller alone. Afterwards every transaction that began has one end, the CSMS has each once with the
journal's registers, and what was sold is what the meters counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from controller.domain.events import Event, TransactionEnded, TransactionStarted
from controller.store.ports import StorageError
from tests.support.cabin import Cabin
from tests.support.ledger import Ledger
from tests.support.virtual_time import run_virtual

SETTINGS: dict[str, str | int | bool] = {
    "AuthCtrlr.LocalPreAuthorize": False,
    "AuthCtrlr.OfflineTxForUnknownIdEnabled": True,
    "SampledDataCtrlr.TxUpdatedInterval": 5,
    "OCPPCommCtrlr.RetryBackOffRandomRange": 0,
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": 0,
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": 3,
}


def _no_power(*_arguments: Any, **_more: Any) -> NoReturn:
    raise StorageError("the power is gone")


class Cutter:
    """Cuts the power once, after the commit of the journal's entry ``seq``."""

    def __init__(self, cabin: Cabin, reboot: bool) -> None:
        self._cabin, self._reboot = cabin, reboot
        self._back: asyncio.Task[None] | None = None
        self.seq: int | None = None

    def arm(self, seq: int) -> None:
        self.seq = seq
        assert self._cabin.app is not None
        self._cabin.app.inbox.on_events.insert(0, self._committed)

    def _committed(self, _events: Sequence[Event], last_seq: int) -> None:
        app = self._cabin.app
        if app is None or self.seq is None or last_seq < self.seq:
            return
        self.seq = None
        app.inbox.on_events.clear()
        app.inbox.on_taken.clear()
        app.inbox.on_effect = lambda _effect: None
        app.journal.append = _no_power  # type: ignore[method-assign]
        app.journal.advance = _no_power  # type: ignore[method-assign]
        self._back = asyncio.create_task(self._cabin.restart(self._reboot, after_s=2))

    async def back(self) -> None:
        if self._back is not None:
            await self._back
            self._back = None


async def session(cabin: Cabin, offline: bool) -> None:
    """As people do: cards and plugs, whatever the station makes of them."""

    async def swipe(uid: str) -> None:
        await cabin.until(lambda: cabin.app is not None, "the controller runs")
        await cabin.swipe(uid, settle_s=4)

    if offline:
        await cabin.csms.down()
    await cabin.plug(1)
    await swipe("ONE")
    await cabin.plug(2)
    await swipe("TWO")
    await cabin.sleep(6)
    await swipe("ONE")
    if offline:
        await cabin.csms.up()
    await cabin.unplug(1)
    await swipe("TWO")
    await cabin.unplug(2)
    await cabin.sleep(5)


@pytest.mark.parametrize("offline", [False, True], ids=["online", "offline"])
@pytest.mark.parametrize("reboot", [True, False], ids=["the machine", "the controller"])
def test_16_CORE_60_16_CORE_56_16_CORE_61_the_power_fails_after_every_entry(
    tmp_path: Path, reboot: bool, offline: bool
) -> None:
    async def one() -> None:
        async with (
            Ledger("ocpp1.6") as csms,
            Cabin.build(tmp_path, csms, evses=2, settings=SETTINGS) as cabin,
        ):
            await cabin.online()
            cutter = Cutter(cabin, reboot)
            cuts = sessions = 0
            while True:
                assert cabin.app is not None
                before = [bay.energy_mwh for bay in cabin.bays]
                mark = cabin.app.journal.last_seq()
                cutter.arm(mark + 1 + sessions)
                await session(cabin, offline)
                was_cut = cutter.seq is None
                await cutter.back()
                await cabin.until(lambda: cabin.app is not None and cabin.station.online, "it is back", 600)
                await cabin.delivered()
                await cabin.sleep(5)
                await cabin.delivered()
                check(cabin, csms, mark, before)
                sessions += 1
                cuts += was_cut
                if not was_cut:
                    break
            assert cuts >= 16, "as many as there are entries in a session"
            starts = cabin.happened(TransactionStarted)
            assert len(csms.transactions()) == len(starts) >= 2 * sessions - cuts

    run_virtual(one())


def check(cabin: Cabin, csms: Ledger, mark: int, before: list[int]) -> None:
    csms.check()
    assert cabin.app is not None
    events = [entry.event for entry in cabin.app.journal.after(mark, 100_000)]
    started = {one.transaction_id: one for one in events if isinstance(one, TransactionStarted)}
    ended = [one for one in events if isinstance(one, TransactionEnded)]
    assert sorted(started) == sorted(one.transaction_id for one in ended), "one end each"
    booked = [(one.starts[0], one.stops[0]) for one in csms.transactions()]
    for one in ended:
        assert (started[one.transaction_id].register_wh, one.register_wh) in booked
    for bay, before_mwh in zip(cabin.bays, before, strict=True):
        sold_wh = sum(
            one.register_wh - started[one.transaction_id].register_wh
            for one in ended
            if one.evse_id == bay.evse_id
        )
        counted_wh = bay.energy_mwh // 1000 - before_mwh // 1000
        assert sold_wh == counted_wh, f"EVSE {bay.evse_id}: sold {sold_wh} Wh, counted {counted_wh} Wh"
