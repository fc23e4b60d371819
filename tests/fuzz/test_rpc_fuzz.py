"""Whatever arrives, the RPC core does not raise, answers only in valid frames, and keeps its books right."""

from __future__ import annotations

import functools
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.csms.rpc import DIALECTS, Answered, Call, Failed, Ignored, Outgoing, Request, Rpc
from controller.csms.schema import Schemas
from controller.csms.trace import Renderer

VERSIONS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
CODES = {
    "FormationViolation",
    "FormatViolation",
    "OccurenceConstraintViolation",
    "OccurrenceConstraintViolation",
    "TypeConstraintViolation",
    "PropertyConstraintViolation",
    "NotImplemented",
    "NotSupported",
    "MessageTypeNotSupported",
    "RpcFrameworkError",
}
OURS = "ours-1"


@functools.cache
def schemas(version: str) -> Schemas:
    return Schemas.installed(version)


def fresh(version: str) -> Rpc:
    """An ``Rpc`` with a Heartbeat outstanding."""
    rpc = Rpc(DIALECTS[version], schemas(version), max_frame_bytes=20_000)
    rpc.call(Call("Heartbeat", {}), 0, 1_000, OURS)
    return rpc


def feed(rpc: Rpc, frame: str | bytes, now_ms: int) -> None:
    """Receives one frame and checks everything that must hold afterwards."""
    version = rpc.dialect.subprotocol
    was_outstanding = rpc.outstanding
    outcomes = rpc.receive(frame, now_ms)
    assert 1 <= len(outcomes) <= 2
    settled = False
    for outcome in outcomes:
        if isinstance(outcome, Request):
            assert 1 <= len(outcome.message_id) <= 36 and outcome.action in schemas(version).actions
            schemas(version).check_request(outcome.action, outcome.payload)
            reply = json.loads(rpc.refuse(outcome, "InternalError"))
            assert reply == [4, outcome.message_id, "InternalError", "", {}]
        elif isinstance(outcome, Outgoing):
            outcome.frame.encode("utf-8")
            reply = json.loads(outcome.frame)
            assert len(reply) == 5 and reply[0] in ((4, 5) if version == "ocpp2.1" else (4,))
            assert isinstance(reply[1], str) and reply[1] and reply[2] in CODES
            assert len(reply[3]) <= 255 and reply[4] == {}
            assert reply[1] != "-1" or version != "ocpp1.6" or '"-1"' in str(frame)
        elif isinstance(outcome, Answered | Failed):
            settled = True
            assert outcome.message_id == OURS == was_outstanding and now_ms < 1_000
        else:
            assert isinstance(outcome, Ignored) and outcome.why
    assert rpc.outstanding == (None if settled else was_outstanding)
    shown = Renderer().line("<", frame)
    assert shown.isprintable() and len(shown) < 2_100


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
ids = st.sampled_from([OURS, "other", "", "x" * 36, "x" * 37, "-1"]) | scalars
actions = st.sampled_from(["Heartbeat", "TriggerMessage", "Reset", "DataTransfer", "MakeCoffee"]) | scalars
payloads = values | st.sampled_from(
    [
        {},
        {"currentTime": "2026-01-01T00:00:00Z"},
        {"requestedMessage": "Heartbeat"},
        {"vendorId": "x", "data": "y"},
        {"type": "Soft"},
    ]
)
frames = st.one_of(
    st.builds(list, st.tuples(st.just(2), ids, actions, payloads)),
    st.builds(list, st.tuples(st.just(3), ids, payloads)),
    st.builds(list, st.tuples(st.just(4), ids, scalars, scalars, values)),
    st.lists(st.integers(0, 7) | ids | values, max_size=6),
    values,
)
instants = st.sampled_from([0, 999, 1_000, 5_000])


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.lists(st.tuples(frames, instants), min_size=1, max_size=4))
def test_any_json(version: str, sequence: list[tuple[Any, int]]) -> None:
    rpc = fresh(version)
    for message, now_ms in sequence:
        feed(rpc, json.dumps(message), now_ms)


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.text(max_size=200) | st.binary(max_size=50) | st.text('[]{}",:0123456789.eE-\\u tfnNaIl', max_size=200)
)
def test_any_text(version: str, text: str | bytes) -> None:
    feed(fresh(version), text, 0)


@pytest.mark.parametrize("version", VERSIONS)
def test_damaged_frames(version: str) -> None:
    """Frames as they come, with characters lost, doubled, swapped and replaced, and cut at every point."""
    chance = random.Random(version)
    good = [
        '[2,"9","TriggerMessage",{"requestedMessage":"Heartbeat"}]',
        f'[3,"{OURS}",{{"currentTime":"2026-01-01T00:00:00Z"}}]',
        f'[4,"{OURS}","GenericError","text",{{"a":[1,2.5e3]}}]',
        f'[5,"{OURS}","GenericError","text",{{}}]',
        '[6,"9","NotifyPeriodicEventStream",{}]',
        '[2,"9","DataTransfer",{"vendorId":"\\ud83d\\ude97","data":"[[{{"}]',
    ]
    for text in good:
        for end in range(len(text) + 1):
            feed(fresh(version), text[:end], 0)
        for _ in range(400):
            damaged = list(text)
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(len(damaged))
                kind = chance.randrange(4)
                if kind == 0:
                    del damaged[at]
                elif kind == 1:
                    damaged.insert(at, damaged[at])
                elif kind == 2:
                    damaged[at] = chance.choice('[]{}",:\\0 \x00\ud800€')
                else:
                    other = chance.randrange(len(damaged))
                    damaged[at], damaged[other] = damaged[other], damaged[at]
            feed(fresh(version), "".join(damaged), 0)
