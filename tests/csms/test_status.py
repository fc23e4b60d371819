from __future__ import annotations

from controller.csms.status import Due, StatusBook
from controller.csms.v16 import V16
from controller.domain.views import EvseView
from tests.csms.rig import view

STATUS = V16().status


def due(book: StatusBook, *views: EvseView, minimum_ms: int = 0, now_ms: int = 0) -> Due:
    return book.due(views, STATUS, minimum_ms, now_ms)


def told(book: StatusBook, *views: EvseView, now_ms: int = 0) -> list[str]:
    """Report what is due, as the session does."""
    names = []
    for key, call in due(book, *views, now_ms=now_ms).calls:
        book.told(key, call)
        names.append(call.payload["status"])
    return names


def test_16_CORE_10_all_connectors_are_reported_first() -> None:
    book = StatusBook()
    assert told(book, view(0), view(1), view(2, plugged=True)) == ["Available", "Available", "Preparing"]
    assert told(book, view(0), view(1), view(2, plugged=True)) == []


def test_16_CORE_66_only_changes_are_reported() -> None:
    book = StatusBook()
    told(book, view(0), view(1), view(2))
    assert told(book, view(0), view(1, plugged=True), view(2, changed_at_ms=99)) == ["Preparing"]


def test_B04_FR_01_after_forget_all_are_reported() -> None:
    book = StatusBook()
    told(book, view(0), view(1))
    book.forget()
    assert told(book, view(0), view(1)) == ["Available", "Available"]


def test_16_CORE_79_a_short_status_is_suppressed() -> None:
    book = StatusBook()
    told(book, view(1))
    plugged = view(1, plugged=True)
    assert due(book, plugged, minimum_ms=500, now_ms=1000) == Due((), 1500)
    assert due(book, plugged, minimum_ms=500, now_ms=1499) == Due((), 1500)
    assert due(book, view(1), minimum_ms=500, now_ms=1499) == Due((), None), "it went back"
    assert due(book, plugged, minimum_ms=500, now_ms=2000) == Due((), 2500), "the wait starts anew"
    assert [call.payload["status"] for _, call in due(book, plugged, minimum_ms=500, now_ms=2500).calls] == [
        "Preparing"
    ]


def test_the_wait_restarts_when_the_status_changes_again() -> None:
    book = StatusBook()
    told(book, view(1))
    due(book, view(1, plugged=True), minimum_ms=500, now_ms=1000)
    other = view(1, fault="residual-current")
    assert due(book, other, minimum_ms=500, now_ms=1400).wake_at_ms == 1900


def test_the_first_report_is_never_held_back() -> None:
    assert len(due(StatusBook(), view(1), minimum_ms=60_000).calls) == 1


def test_the_earliest_of_several_waits_counts() -> None:
    book = StatusBook()
    told(book, view(1), view(2))
    due(book, view(1, plugged=True), view(2), minimum_ms=500, now_ms=1000)
    both = due(book, view(1, plugged=True), view(2, plugged=True), minimum_ms=500, now_ms=1200)
    assert both.wake_at_ms == 1500
