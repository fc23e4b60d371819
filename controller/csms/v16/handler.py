"""One request of 1.6: how it is read, and how the verdict on it is written.

Owns: what the tables of requests (``commands``, ``smart_charging`` and so on) are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from controller.csms.v16.calls import TX
from controller.csms.version import Answer, Lookup, Query
from controller.csms.wire import Payload
from controller.domain.commands import Command, Status, Verdict

Parse = Callable[[Payload, Lookup], Command | Query | Answer]
"""Raises ``Unacceptable`` for a well-formed request that cannot be done, ``CallRefused`` for a CALLERROR."""
Reply = Callable[[Verdict], Payload]


@dataclass(frozen=True, slots=True)
class Handler:
    parse: Parse
    reply: Reply


def statuses(otherwise: str, *same: Status, renamed: Mapping[Status, str] | None = None) -> Reply:
    """A reply {"status": ...}: ``same`` keep their name, ``renamed`` get another, others ``otherwise``."""
    names = {status: status.value for status in same} | dict(renamed or {})

    def reply(verdict: Verdict) -> Payload:
        return {"status": names.get(verdict.status, otherwise)}

    return reply


def transaction_of(domain_key: Lookup) -> Callable[[int], str | None]:
    """The domain's transaction id of a transactionId."""
    return lambda transaction_id: domain_key(TX, str(transaction_id))


def answered(_verdict: Verdict) -> Payload:
    """The reply of a query, which never comes to one."""
    raise AssertionError("a query needs no verdict")
