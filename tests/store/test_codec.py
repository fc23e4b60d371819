from __future__ import annotations

import json
from dataclasses import dataclass, fields
from timeit import repeat
from typing import Any, get_args

import pytest

from controller.domain.events import Event, SessionEnded, TransactionUpdated
from controller.store.codec import EVENTS, Codec, CodecError
from tests.store.samples import AT_MS, EVERY_EVENT, UPDATED


def test_the_table_holds_every_event_of_the_domain() -> None:
    assert set(EVENTS) == set(get_args(Event))
    assert {type(event) for event in EVERY_EVENT} == set(EVENTS)


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: type(event).__name__)
def test_every_event_comes_back_equal_and_with_the_same_types(event: Event) -> None:
    codec = Codec()
    back = codec.decode(codec.encode(event))
    assert back == event
    assert repr(back) == repr(event)  # enums are enums again, tuples tuples


def test_the_text_is_one_flat_readable_object_without_defaults() -> None:
    assert json.loads(Codec().encode(SessionEnded(1, AT_MS))) == {
        "event": "SessionEnded",
        "evse_id": 1,
        "at_ms": AT_MS,
    }
    assert "token" not in json.loads(Codec().encode(UPDATED))


def test_text_of_an_older_program_without_a_new_optional_field_is_read() -> None:
    body = json.loads(Codec().encode(UPDATED))
    assert "remote_start_id" not in body
    assert Codec().decode(json.dumps(body)) == UPDATED


def changed(**changes: Any) -> str:
    return json.dumps({**json.loads(Codec().encode(UPDATED)), **changes})


def without(name: str) -> str:
    body = json.loads(Codec().encode(UPDATED))
    del body[name]
    return json.dumps(body)


SAMPLE_BODY = {"at_ms": 1, "context": "Other", "values": [{"measurand": "Foo", "value_milli": 1}]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (changed(tariff=3), ["TransactionUpdated", "tariff", "newer version"]),
        (changed(event="CarWashed"), ["CarWashed", "newer version", "SessionEnded"]),
        (changed(event=7), ["found an event of type 7"]),
        (changed(evse_id="1"), ["TransactionUpdated.evse_id", '"1"', "int"]),
        (changed(evse_id=True), ["TransactionUpdated.evse_id", "true", "int"]),
        (changed(evse_id=1.0), ["TransactionUpdated.evse_id", "1.0", "int"]),
        (changed(evse_id=None), ["TransactionUpdated.evse_id", "null", "int"]),
        (changed(offline=1), ["TransactionUpdated.offline", "bool"]),
        (changed(transaction_id=1), ["TransactionUpdated.transaction_id", "str"]),
        (changed(trigger="Whim"), ["TransactionUpdated.trigger", "Whim", "Authorized"]),
        (changed(samples={}), ["TransactionUpdated.samples", "an array"]),
        (changed(samples=[3]), ["TransactionUpdated.samples[0]", "an object"]),
        (changed(samples=[SAMPLE_BODY]), ["samples[0].values[0].measurand", "Foo", "Voltage"]),
        (changed(token={"value": "A", "colour": "red"}), ["TransactionUpdated.token", "colour"]),
        (without("seq_no"), ["TransactionUpdated", "seq_no", "missing"]),
        ("[]", ["expected an object"]),
        ("{", ["not JSON"]),
        ("", ["not JSON"]),
    ],
)
def test_what_is_no_event_is_refused_by_name_of_the_field(text: str, words: list[str]) -> None:
    with pytest.raises(CodecError) as caught:
        Codec().decode(text)
    for word in words:
        assert word in str(caught.value)


def test_every_truncation_of_a_text_is_refused() -> None:
    text = Codec().encode(UPDATED)
    for length in range(len(text)):
        with pytest.raises(CodecError):
            Codec().decode(text[:length])


def test_an_object_that_is_not_in_the_table_is_not_written() -> None:
    @dataclass(frozen=True)
    class Stray:
        at_ms: int

    with pytest.raises(CodecError, match="Stray"):
        Codec().encode(Stray(1))  # type: ignore[arg-type]


def test_a_type_that_cannot_be_stored_is_found_before_anything_is_lost() -> None:
    @dataclass(frozen=True)
    class Bad:
        ratio: float

    with pytest.raises(CodecError, match=r"Bad\.ratio"):
        Codec((Bad,)).encode(Bad(0.5))  # type: ignore[arg-type]


def test_the_tag_is_no_field_of_an_event() -> None:
    @dataclass(frozen=True)
    class Tagged:
        event: str

    with pytest.raises(CodecError, match="Tagged"):
        Codec((Tagged,))


def test_ten_values_are_encoded_far_below_100_us() -> None:
    assert len(UPDATED.samples[0].values) == 10
    codec = Codec()
    codec.encode(UPDATED)
    best_s = min(repeat(lambda: codec.encode(UPDATED), number=200, repeat=5)) / 200
    assert best_s < 100e-6


def test_no_field_is_left_out_of_the_text_but_defaults() -> None:
    body = json.loads(Codec().encode(UPDATED))
    missing = {field.name for field in fields(TransactionUpdated)} - body.keys()
    assert missing == {"token", "remote_start_id"}
