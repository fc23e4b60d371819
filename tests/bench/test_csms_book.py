from typing import Any

import pytest

from controller.bench.csms_book import Book, TransactionRecord, register_wh


@pytest.mark.parametrize(
    ("sampled", "expected"),
    [
        ([{"value": "12"}], 12),
        ([{"value": "1.5", "unit": "kWh"}], 1500),
        ([{"value": 2.0, "unit_of_measure": {"unit": "Wh", "multiplier": 3}}], 2000),
        ([{"value": "9", "measurand": "Power.Active.Import"}], None),
        ([{"value": "9", "phase": "L1"}], None),
        ([{"value": "1"}, {"value": "2"}], 2),
        ([], None),
    ],
)
def test_the_last_import_register_in_wh(sampled: list[dict[str, Any]], expected: int | None) -> None:
    assert register_wh([{"timestamp": "t", "sampled_value": sampled}]) == expected


def test_energy_needs_both_registers() -> None:
    one = TransactionRecord("1", 1, None, "t", start_wh=100)
    assert one.energy_wh is None
    one.register_wh = 150
    assert one.energy_wh == 50


def test_tokens_are_blocked_without_regard_to_case_and_ids_count() -> None:
    book = Book()
    book.blocked.add("abcd")
    assert not book.accepts("ABcd")
    assert book.accepts("ABCE")
    assert [book.next_transaction_id(), book.next_transaction_id()] == [1, 2]


def test_running_by_evse_and_as_dict() -> None:
    record = Book().station("CP-1")
    record.transactions["1"] = TransactionRecord("1", 1, "T", "t", ended_at="t")
    record.transactions["2"] = TransactionRecord("2", 2, "T", "t")
    assert [one.id for one in record.running()] == ["2"]
    assert record.running(1) == []
    record.evses[1] = "Available"
    assert record.as_dict()["evses"] == {"1": "Available"}
    assert record.as_dict()["transactions"][1]["energy_wh"] is None
