"""A journal entry as one line for people."""

from __future__ import annotations

import time
from typing import Any

import pytest

from controller.local.commands.journal import line

AT_MS = 1_600_000_000_123


def text(**data: Any) -> str:
    return (
        line({"seq": 7, "at_ms": AT_MS, "type": "T", "data": {"at_ms": AT_MS, **data}})
        .split("T", 1)[1]
        .strip()
    )


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def test_a_token_is_what_is_on_the_card_with_or_without_its_type() -> None:
    assert text(token={"value": "ABC", "type": "ISO14443"}) == "token=ABC"
    assert text(token={"value": "ABC"}) == "token=ABC"
    assert text(info={"status": "Accepted", "value": "x"}) == 'info={"status":"Accepted","value":"x"}'


def test_times_are_read_by_people_however_deep_they_are() -> None:
    assert text(expires_at_ms=AT_MS) == "expires_at=2020-09-13T12:26:40"
    assert text(profile={"schedule": {"starts_at_ms": AT_MS}, "periods": [{"start_s": 0}]}) == (
        'profile={"schedule":{"starts_at":"2020-09-13 12:26:40"},"periods":[{"start_s":0}]}'
    )


def test_ids_are_shown_and_structures_counted() -> None:
    assert text(profile_ids=[50, 51]) == "profile_ids=50,51"
    assert text(samples=[{"at": 1}, {"at": 2}]) == "samples=[2]"
    assert text(profile_ids=list(range(11))) == "profile_ids=[11]"


def test_an_entry_is_one_line() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    assert text(certificate=pem) == f"certificate=-----BEGIN CERTIFICATE-----... ({len(pem)} characters)"
    assert text(info="x" * 200) == "info=" + "x" * 200
    assert text(info="x" * 201) == "info=" + "x" * 200 + "... (201 characters)"


def test_what_says_nothing_is_left_out() -> None:
    assert text(a=None, b="", c=[], d={}, e=0, f=False) == "e=0 f=false"
