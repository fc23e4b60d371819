"""Do journal, CSMS and the bench's meter agree? Used by the scenarios with real processes."""

from __future__ import annotations

from tests.support.ledger import Booked, Ledger
from tests.support.processes import Processes


async def balance(station: Processes, csms: Ledger, count: int | None = 1) -> list[Booked]:
    """Journal, CSMS and the bench's meter say the same: each start one end, and all energy is sold."""
    await station.delivered()
    started = {
        one["data"]["transaction_id"]: one["data"] for one in await station.events("TransactionStarted")
    }
    ended = {one["data"]["transaction_id"]: one["data"] for one in await station.events("TransactionEnded")}
    assert sorted(started) == sorted(ended), "each Started has one Ended"
    assert count is None or len(ended) == count
    books = csms.check()
    assert [(one.starts[0], one.stops[0]) for one in books] == [
        (started[id_]["register_wh"], ended[id_]["register_wh"]) for id_ in started
    ], "the CSMS has the journal's registers"
    sold_wh = sum(one.stops[0] - one.starts[0] for one in books)
    assert sold_wh == await station.meter_wh(), "what was sold is what the bench's meter counted"
    assert not csms.violations, csms.violations
    return books
