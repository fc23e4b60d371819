"""A CSMS that keeps books, as one that sends bills does.

Owns: what a transaction is to the CSMS under 1.6 and 2.x, repeated messages (known by their id, answered as
before, booked once), and going away at a chosen message.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import dataclass, field
from typing import Any

from tests.support.csms import FakeCsms, Payload, hang_up


@dataclass
class Booked:
    """One transaction as the CSMS knows it. ``id``: 1.6 transactionId or 2.x transactionId, as text."""

    id: str
    starts: list[int] = field(default_factory=list)  # registers in Wh
    stops: list[int] = field(default_factory=list)
    reason: str = ""
    seq_nos: list[int] = field(default_factory=list)  # 2.x only


class Ledger(FakeCsms):
    """``vanish_at``: the number of the message (0 = the first CALL of the station) at which it goes away for
    ``away_s``, with or without having ``taken`` it. ``repeats``: (action, whether it was the same message) of
    every message that came a second time."""

    def __init__(
        self, version: str, vanish_at: int | None = None, taken: bool = False, away_s: float = 0
    ) -> None:
        super().__init__(version)
        self.version = version
        self.booked: dict[str, tuple[str, Payload]] = {}
        self.repeats: list[tuple[str, bool]] = []
        self._vanish_at = vanish_at
        self._taken = taken
        self._away_s = away_s
        self._seen = itertools.count()
        self._id = ""
        self._names: dict[str, int] = {}
        self.answers["StartTransaction"] = lambda _start: {
            "transactionId": self._names.setdefault(self._id, len(self._names) + 1),
            "idTagInfo": {"status": "Accepted"},
        }
        self.answers["StopTransaction"] = lambda stop: (
            {"idTagInfo": {"status": "Accepted"}} if "id_tag" in stop else {}
        )

    @property
    def old(self) -> bool:
        """It speaks 1.6."""
        return self.version == "ocpp1.6"

    def of_kind(self, *actions: str) -> list[Payload]:
        """Payloads of the messages with these actions, each once."""
        return [payload for action, payload in self.booked.values() if action in actions]

    def transactions(self) -> list[Booked]:
        """In the order of their starts."""
        books: dict[str, Booked] = {}
        for id_, (action, payload) in self.booked.items():
            if action == "StartTransaction":
                name = str(self._names[id_])
                books.setdefault(name, Booked(name)).starts.append(payload["meterStart"])
            elif action == "StopTransaction":
                one = books.setdefault(str(payload["transactionId"]), Booked(str(payload["transactionId"])))
                one.stops.append(payload["meterStop"])
                one.reason = payload.get("reason", "Local")
            elif action == "TransactionEvent":
                info = payload["transactionInfo"]
                one = books.setdefault(info["transactionId"], Booked(info["transactionId"]))
                one.seq_nos.append(payload["seqNo"])
                if payload["eventType"] == "Started":
                    one.starts.append(_register_wh(payload))
                elif payload["eventType"] == "Ended":
                    one.stops.append(_register_wh(payload))
                    one.reason = info["stoppedReason"]
        return list(books.values())

    def check(self) -> list[Booked]:
        """Every transaction was started once and ended once, in order and without a gap; a message that
        came twice was the same both times. Returns them."""
        assert all(same for _action, same in self.repeats), f"one id for two messages: {self.repeats}"
        books = self.transactions()
        for one in books:
            assert (len(one.starts), len(one.stops)) == (1, 1), f"one start and one end: {one}"
            assert one.seq_nos == list(range(len(one.seq_nos))), f"no gap, nothing twice, in order: {one}"
        names = {one.id for one in books}
        values = {str(one.get("transactionId", "")) for one in self.of_kind("MeterValues")} - {""}
        assert values <= names, "meter values belong to a known transaction"
        return books

    # ------------------------------------------------------------------ messages

    async def _take(self, station: Any, wire: Any, text: str) -> None:
        message = json.loads(text)
        if message[0] == 2:
            _two, self._id, action, payload = message
            if next(self._seen) == self._vanish_at:
                self._vanish()
                if not self._taken:
                    await wire._socket.close()
                    return
                self.script(action, hang_up())
            if self._id in self.booked:
                self.repeats.append((action, self.booked[self._id] == (action, payload)))
            self.booked.setdefault(self._id, (action, payload))
        await super()._take(station, wire, text)

    def _vanish(self) -> None:
        async def away() -> None:
            await self.down()
            await asyncio.sleep(self._away_s)
            await self.up()

        task = asyncio.create_task(away())
        self._tasks.add(task)


def _register_wh(event: Payload) -> int:
    """The register of the last sample of a TransactionEvent."""
    (value,) = [
        one["value"]
        for one in event["meterValue"][-1]["sampledValue"]
        if one.get("measurand", "Energy.Active.Import.Register") == "Energy.Active.Import.Register"
        and "phase" not in one
    ]
    return int(value)
