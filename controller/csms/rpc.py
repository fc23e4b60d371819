"""The OCPP-J RPC framework as a pure core: text frames in, what they mean out; no socket, no clock, no task.

Owns: the framing of CALL, CALLRESULT, CALLERROR, CALLRESULTERROR and SEND, matching answers to the one
outstanding CALL of ours, deadlines, and which error code every kind of malformed frame gets.
Refuses to know: the websocket, what an action means, who sends when.

Standards: OCPP-J 1.6 chapter 4 with errata 2025-04; OCPP 2.0.1 edition 3 and 2.1 edition 1, part 4 chapter 4.
One ``Rpc`` lives as long as one connection: an answer that comes over a later connection matches nothing.
"""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, Protocol

from controller.csms.errors import (
    CallFailed,
    CallRefused,
    CallTimeout,
    CsmsError,
    Kind,
    LinkClosed,
    LinkError,
    LinkProblem,
    NotAnswered,
    SchemaViolation,
)

__all__ = [
    "DIALECTS",
    "DIALECT_16",
    "DIALECT_21",
    "DIALECT_201",
    "Answered",
    "Call",
    "CallFailed",
    "CallRefused",
    "CallTimeout",
    "Counts",
    "CsmsError",
    "Dialect",
    "Expired",
    "Failed",
    "Ignored",
    "LinkClosed",
    "LinkError",
    "LinkProblem",
    "NotAnswered",
    "Outcome",
    "Outgoing",
    "Request",
    "Rpc",
    "SchemaViolation",
    "Validator",
    "new_message_id",
]


class MessageType(IntEnum):
    """2.1 part 4, 4.1.3, table 3. 1.6 and 2.0.1 know the first three."""

    CALL = 2
    CALLRESULT = 3
    CALLERROR = 4
    CALLRESULTERROR = 5
    SEND = 6


@dataclass(frozen=True)
class Dialect:
    """How one version of OCPP-J spells its errors and which message types it has."""

    subprotocol: str
    formation: str
    """Payload is not JSON, not an object, or has members the schema does not know."""
    occurrence: str
    bad_frame: str
    """Something is wrong with the frame around the payload."""
    unknown_type: str | None
    """Code for an unknown message type; None: say nothing (1.6J 4.1.3)."""
    unreadable_id: str | None
    """Message id of a CALLERROR when the received one cannot be read (2.x part 4, 4.2.3); None: say
    nothing."""
    types: frozenset[int]

    def code(self, kind: Kind) -> str:
        """The error code for a schema violation."""
        if kind is Kind.FORMATION:
            return self.formation
        if kind is Kind.OCCURRENCE:
            return self.occurrence
        return "TypeConstraintViolation" if kind is Kind.TYPE else "PropertyConstraintViolation"


# 1.6J errata 5.1 and 5.2: both misspelled codes stay as they are, "might break implementations".
DIALECT_16: Final = Dialect(
    subprotocol="ocpp1.6",
    formation="FormationViolation",
    occurrence="OccurenceConstraintViolation",
    bad_frame="FormationViolation",
    unknown_type=None,
    unreadable_id=None,
    types=frozenset((2, 3, 4)),
)
DIALECT_201: Final = Dialect(
    subprotocol="ocpp2.0.1",
    formation="FormatViolation",
    occurrence="OccurrenceConstraintViolation",
    bad_frame="RpcFrameworkError",
    unknown_type="MessageTypeNotSupported",
    unreadable_id="-1",
    types=frozenset((2, 3, 4)),
)
DIALECT_21: Final = Dialect(
    subprotocol="ocpp2.1",
    formation="FormatViolation",
    occurrence="OccurrenceConstraintViolation",
    bad_frame="RpcFrameworkError",
    unknown_type="MessageTypeNotSupported",
    unreadable_id="-1",
    types=frozenset((2, 3, 4, 5, 6)),
)
DIALECTS: Final = {dialect.subprotocol: dialect for dialect in (DIALECT_16, DIALECT_201, DIALECT_21)}

MAX_ID_LENGTH: Final = 36  # 1.6J 4.1.4 table 3; 2.x part 4 4.1.4
MAX_DESCRIPTION_LENGTH: Final = 255  # 2.x part 4 4.2.3 table 7
MAX_DEPTH: Final = 64  # OCPP nests 12 levels at most; deeper is an attack or a bug
DEFAULT_MAX_FRAME_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """A request of ours: ``action`` without the suffix "Request"; ``payload`` in wire names."""

    action: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """A CALL of the CSMS, checked. It must be answered with ``Rpc.answer`` or ``Rpc.refuse``."""

    message_id: str
    action: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """Our CALL got a CALLRESULT. ``overlooked``: a deviation from the schema that was tolerated, or ""."""

    message_id: str
    call: Call
    payload: dict[str, Any]
    overlooked: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """Our CALL got a CALLERROR, or (``unusable``) a CALLRESULT that does not fit the schema."""

    message_id: str
    call: Call
    code: str
    description: str
    details: dict[str, Any]
    unusable: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A frame to send: the CALLERROR or CALLRESULTERROR that a malformed frame deserves."""

    frame: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing is done about this frame, for this reason."""

    why: str


@dataclass(frozen=True, slots=True)
class Expired:
    """Our CALL was not answered before its deadline."""

    message_id: str
    call: Call


Outcome = Request | Answered | Failed | Outgoing | Ignored


@dataclass(slots=True)
class Counts:
    """How often the CSMS did what it should not; a technician's first look at a bad connection."""

    malformed: int = 0  # not JSON, wrong elements, unknown message type, too large
    refused: int = 0  # CALLs answered with a CALLERROR before any handler saw them
    unmatched: int = 0  # answers whose message id fits no CALL of ours
    late: int = 0  # answers after the deadline or a second time
    unusable: int = 0  # CALLRESULTs that do not fit the schema
    overlooked: int = 0  # CALLRESULTs that were tolerated although they do not fit


class Validator(Protocol):
    """What ``Rpc`` needs of ``schema.Schemas``. The checks raise ``SchemaViolation``."""

    @property
    def actions(self) -> frozenset[str]: ...

    def check_request(self, action: str, payload: Any) -> None: ...

    def check_response(self, action: str, payload: Any) -> None: ...

    def check_send(self, action: str, payload: Any) -> None: ...

    def accept_response(self, action: str, payload: dict[str, Any]) -> tuple[dict[str, Any], str]: ...


def new_message_id() -> str:
    """A random UUID: unique over connections and reboots (1.6J errata 3.1; 2.x part 4 4.1.4), 36
    characters."""
    import uuid

    return str(uuid.uuid4())


@dataclass(slots=True)
class _Pending:
    message_id: str
    call: Call
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A CALL of ours that was checked and encoded."""

    call: Call
    message_id: str
    frame: str


class Rpc:
    """One end of one connection. Not thread-safe, never blocks, never raises on what was received."""

    def __init__(
        self,
        dialect: Dialect,
        validator: Validator,
        new_id: Callable[[], str] = new_message_id,
        max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES,
        supported: Collection[str] | None = None,
    ) -> None:
        """``supported``: actions the caller has a handler for; a known action that is not among them is
        answered NotSupported. None: every action of the version. ``max_frame_bytes``: larger frames are not
        parsed."""
        self.dialect = dialect
        self.counts = Counts()
        self.invalid = ""
        """What was wrong with the latest frame, without quoting it; whoever looks empties it."""
        self._validator = validator
        self._new_id = new_id
        self._max_frame_bytes = max_frame_bytes
        self._supported = frozenset(validator.actions if supported is None else supported)
        self._pending: _Pending | None = None
        self._prepared: _Prepared | None = None
        self._past: deque[str] = deque(maxlen=16)  # our message ids that are settled
        self._serving: set[str] = set()  # message ids of requests being handled

    # ---- our own CALLs

    def call(self, call: Call, now_ms: int, timeout_ms: int, message_id: str | None = None) -> str:
        """The CALL frame. ``message_id``: given again when a message is retried (2.x part 4 4.1.4).

        Raises ``SchemaViolation`` when the payload must not be sent like this, ``CsmsError`` when a CALL is
        still outstanding (1.6J 4.1.1: not before it was answered or timed out), ``ValueError`` for a bad id
        or time-out.
        """
        if self._pending is not None:
            outstanding = f"{self._pending.call.action} {self._pending.message_id}"
            raise CsmsError(f"cannot send {call.action}: {outstanding} is outstanding")
        if timeout_ms <= 0:
            raise ValueError(f"timeout_ms: found {timeout_ms}, expected more than 0")
        prepared = self._prepared
        if prepared is not None and prepared.call is call and prepared.message_id == message_id:
            self._prepared = None
        else:
            prepared = self._prepare(call, message_id)
        self._pending = _Pending(prepared.message_id, call, now_ms + timeout_ms)
        return prepared.frame

    def prepare(self, call: Call, message_id: str) -> None:
        """Check and encode a CALL before its turn: ``call`` with the same ``Call`` and id then only sends it.

        Raises ``SchemaViolation`` and ``ValueError`` like ``call``. Only the latest one is kept.
        """
        self._prepared = self._prepare(call, message_id)

    def _prepare(self, call: Call, message_id: str | None) -> _Prepared:
        message_id = self._checked_id(message_id)
        self._require_known(call.action)
        self._validator.check_request(call.action, call.payload)
        return _Prepared(call, message_id, _encode([2, message_id, call.action, call.payload]))

    def send(self, call: Call, message_id: str | None = None) -> str:
        """The SEND frame, which nobody answers (2.1 part 4 4.2.4). Raises like ``call``, except for
        outstanding."""
        if MessageType.SEND not in self.dialect.types:
            raise CsmsError(f"{call.action}: {self.dialect.subprotocol} has no SEND, it came with ocpp2.1")
        message_id = self._checked_id(message_id)
        self._validator.check_send(call.action, call.payload)
        return _encode([6, message_id, call.action, call.payload])

    @property
    def outstanding(self) -> str | None:
        """Message id of the CALL of ours that waits for its answer."""
        return self._pending.message_id if self._pending else None

    @property
    def next_deadline_ms(self) -> int | None:
        """When ``expire`` is due, on the clock of ``now_ms``; None: nothing is outstanding."""
        return self._pending.deadline_ms if self._pending else None

    def expire(self, now_ms: int) -> Expired | None:
        """The outstanding CALL when its deadline has passed. Its answer is ignored from now on."""
        pending = self._pending
        if pending is None or now_ms < pending.deadline_ms:
            return None
        self._settle()
        return Expired(pending.message_id, pending.call)

    # ---- requests of the CSMS

    def answer(self, request: Request, payload: dict[str, Any]) -> str:
        """The CALLRESULT frame. Raises ``SchemaViolation`` when ``payload`` must not be sent like this: the
        request is then still open and to be refused."""
        self._validator.check_response(request.action, payload)
        frame = _encode([3, request.message_id, payload])
        self._serving.discard(request.message_id)
        return frame

    def refuse(
        self, request: Request, code: str, description: str = "", details: dict[str, Any] | None = None
    ) -> str:
        """The CALLERROR frame for a request: five elements always, "" and {} when nothing is to say
        (4.2.3)."""
        self._serving.discard(request.message_id)
        return _error(4, request.message_id, code, description, details)

    def leave(self, request: Request) -> None:
        """Nothing is sent for a request; its message id may come again."""
        self._serving.discard(request.message_id)

    # ---- what arrives

    def receive(self, text: str | bytes, now_ms: int) -> list[Outcome]:
        """What one frame means. ``bytes``: a binary websocket frame, which OCPP-J does not use."""
        if not isinstance(text, str):
            return self._unreadable("", f"binary frame of {len(text)} bytes, expected text")
        if len(text) > self._max_frame_bytes or (
            not text.isascii() and len(text.encode("utf-8", "surrogatepass")) > self._max_frame_bytes
        ):
            size = f"frame of {len(text)} characters, expected at most {self._max_frame_bytes} bytes"
            return self._unreadable(text[:200], size)
        try:
            message = _decode(text)
        except (ValueError, RecursionError) as error:
            return self._unreadable(text[:200], f"not valid JSON: {_one_line(error)}")
        if not isinstance(message, list) or not message:
            return self._unreadable("", "not a JSON array with elements")
        message_type = message[0]
        if message_type == 2:
            return [self._incoming_call(message)]
        if message_type in (3, 4) and isinstance(message_type, int):
            return self._incoming_answer(message, now_ms)
        return self._incoming_other(message)

    def _incoming_call(self, message: list[Any]) -> Outcome:
        message_id = message[1] if len(message) > 1 else None
        if not isinstance(message_id, str) or not message_id:
            return self._refuse_frame(
                None, "the message id of a CALL must be a string with 1 to 36 characters"
            )
        if len(message_id) > MAX_ID_LENGTH:  # 1.6J 4.2.3: "unique identifier too long"
            return self._refuse_frame(
                message_id,
                f"the message id has {len(message_id)} characters, expected at most {MAX_ID_LENGTH}",
            )
        if len(message) != 4 or not isinstance(message[2], str):
            return self._refuse_frame(message_id, "a CALL is [2, message id, action, payload]")
        action, payload = message[2], message[3]
        if action not in self._validator.actions:
            return self._refuse_call(message_id, "NotImplemented", f"{action[:60]} is not known")
        if action not in self._supported:
            return self._refuse_call(message_id, "NotSupported", f"{action} is not supported by this station")
        if message_id in self._serving:
            # The CSMS repeats itself. A CALLERROR would be taken for the answer to the first of the two,
            # which is still being carried out.
            self.counts.late += 1
            return Ignored(f"{action} {message_id} came again while it is being handled")
        if payload is None:
            payload = {}  # 1.6J 4.2.1: null and {} both mean that there is no payload
        elif not isinstance(payload, dict):
            self.invalid = f"{action}: the payload is no JSON object"
            return self._refuse_call(message_id, self.dialect.formation, "the payload must be a JSON object")
        try:
            self._validator.check_request(action, payload)
        except SchemaViolation as violation:
            code = self.dialect.code(violation.code_kind)
            self.invalid = f"{action}: {code} at {violation.path or 'the payload'}"
            return self._refuse_call(message_id, code, str(violation))
        self._serving.add(message_id)
        return Request(message_id, action, payload)

    def _incoming_answer(self, message: list[Any], now_ms: int) -> list[Outcome]:
        message_type = message[0]
        name = "CALLRESULT" if message_type == 3 else "CALLERROR"
        message_id = message[1] if len(message) > 1 else None
        pending = self._pending
        if pending is None or message_id != pending.message_id:
            return [self._unexpected(name, message_id)]
        if now_ms >= pending.deadline_ms:
            # Whoever asks ``expire`` next will report it; the deadline decides, not the order of two
            # wake-ups.
            self.counts.late += 1
            return [Ignored(f"{name} {message_id} came after its deadline")]
        if message_type == 4:
            self._settle()
            # The id matches, so the fate of the CALL is certain, however sloppy the rest is.
            code = message[2] if len(message) > 2 and isinstance(message[2], str) else "GenericError"
            description = message[3] if len(message) > 3 and isinstance(message[3], str) else ""
            details = message[4] if len(message) > 4 and isinstance(message[4], dict) else {}
            return [Failed(pending.message_id, pending.call, code, description, details)]
        if len(message) != 3:
            return self._unusable(pending, self.dialect.bad_frame, "a CALLRESULT is [3, message id, payload]")
        payload = {} if message[2] is None else message[2]
        if not isinstance(payload, dict):
            return self._unusable(pending, self.dialect.formation, "the payload must be a JSON object")
        try:
            payload, overlooked = self._validator.accept_response(pending.call.action, payload)
        except SchemaViolation as violation:
            return self._unusable(pending, self.dialect.code(violation.code_kind), str(violation))
        self._settle()
        if overlooked:
            self.counts.overlooked += 1
        return [Answered(pending.message_id, pending.call, payload, overlooked)]

    def _incoming_other(self, message: list[Any]) -> list[Outcome]:
        message_type, types = message[0], self.dialect.types
        known = isinstance(message_type, int) and message_type in types
        message_id = message[1] if len(message) > 1 and _is_id(message[1]) else None
        if known and message_type == MessageType.CALLRESULTERROR:
            return [Ignored(f"the CSMS could not use our answer {message_id}: {_short(message[2:4])}")]
        if known and message_type == MessageType.SEND:
            # 2.1 part 4 4.2.4: "SHALL NOT respond to a SEND"; none is defined towards a charging station.
            return [Ignored(f"SEND {_short(message[2:3])} is not meant for a charging station")]
        self.counts.malformed += 1
        what = f"message type {_short(message_type)} is not known"
        self.invalid = "unknown message type"
        reply_id = message_id or self.dialect.unreadable_id
        if self.dialect.unknown_type is None or reply_id is None:
            return [Ignored(what)]
        return [Outgoing(_error(4, reply_id, self.dialect.unknown_type, what))]

    def _unreadable(self, head: str, why: str) -> list[Outcome]:
        """A frame that cannot be parsed. Its first two elements are looked for in the text, because a
        CALLERROR with the right id spares the CSMS its time-out, and a broken answer must not be answered."""
        self.invalid = why
        match = _HEAD.match(head)
        if match is None:
            return [self._refuse_frame(None, why)]
        message_type, message_id = int(match[1]), match[2]
        if message_type == 2:
            self.counts.malformed += 1
            return [Outgoing(_error(4, message_id, self.dialect.formation, why))]
        pending = self._pending
        if message_type in (3, 4) and pending is not None and message_id == pending.message_id:
            if message_type == 3:
                return self._unusable(pending, self.dialect.formation, why)
            self.counts.malformed += 1
            self._settle()
            return [
                Failed(pending.message_id, pending.call, "GenericError", f"CALLERROR unreadable: {why}", {})
            ]
        self.counts.malformed += 1
        return [Ignored(f"{why}; message type {message_type}")]

    # ---- pieces

    def _checked_id(self, message_id: str | None) -> str:
        if message_id is None:
            message_id = self._new_id()
        if not 1 <= len(message_id) <= MAX_ID_LENGTH:
            raise ValueError(f"message id: found {len(message_id)} characters, expected 1 to {MAX_ID_LENGTH}")
        return message_id

    def _require_known(self, action: str) -> None:
        if action not in self._validator.actions:
            raise SchemaViolation(
                Kind.FORMATION, "", f"{action} is not an action of {self.dialect.subprotocol}"
            )

    def _settle(self) -> None:
        if self._pending is not None:
            self._past.append(self._pending.message_id)
            self._pending = None

    def _unusable(self, pending: _Pending, code: str, why: str) -> list[Outcome]:
        self._settle()
        self.counts.unusable += 1
        self.invalid = f"answer to {pending.call.action}: {code}"
        outcomes: list[Outcome] = []
        if MessageType.CALLRESULTERROR in self.dialect.types:
            outcomes.append(Outgoing(_error(5, pending.message_id, code, why)))
        what = f"the CSMS's answer cannot be used: {why}"
        outcomes.append(Failed(pending.message_id, pending.call, code, what, {}, unusable=True))
        return outcomes

    def _unexpected(self, name: str, message_id: Any) -> Ignored:
        if isinstance(message_id, str) and message_id in self._past:
            self.counts.late += 1
            return Ignored(f"{name} {_short(message_id)} came late or twice")
        self.counts.unmatched += 1
        return Ignored(f"{name} {_short(message_id)} fits no CALL of this station")

    def _refuse_call(self, message_id: str, code: str, why: str) -> Outgoing:
        self.counts.refused += 1
        return Outgoing(_error(4, message_id, code, why))

    def _refuse_frame(self, message_id: str | None, why: str) -> Outcome:
        """The frame itself is wrong: CALLERROR, with "-1" in 2.x when there is no id to answer to."""
        self.counts.malformed += 1
        self.invalid = why
        reply_id = message_id or self.dialect.unreadable_id
        if reply_id is None:
            return Ignored(why)
        return Outgoing(_error(4, reply_id, self.dialect.bad_frame, why))


# ---- JSON

_HEAD: Final = re.compile(r'\s*\[\s*([0-9]{1,3})\s*,\s*"([^"\\\x00-\x1f]{1,36})"\s*[,\]]')
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):  # RFC 8259 4: which of the two counts is unpredictable
        raise ValueError("a member name appears twice in an object")
    return members


def _real(text: str) -> int | float:
    """JSON has one kind of number: 16.0 is the integer 16 (draft-06). 1e999 would become infinity."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _whole(text: str) -> int:
    if len(text) > 19:  # beyond 64 bits; OCPP's integers have 32 (2.0.1 part 2 2.1.3)
        raise ValueError("a number is too large")
    return int(text)


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_real, parse_int=_whole, parse_constant=_constant
)
_encoder: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False)


def _decode(text: str) -> Any:
    """Strict JSON. Raises ``ValueError`` or ``RecursionError``."""
    message = _decoder.decode(text)
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth_exceeds(message, MAX_DEPTH):
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if "\\u" in text and _SURROGATE.search(text):
        try:  # an escaped pair has become one character; what is left alone has no UTF-8 form (1.6J 4.1.2)
            json.dumps(message, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("half of a surrogate pair stands alone") from None
    return message


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [item for container in level for item in _items(container) if isinstance(item, dict | list)]
        if not level:
            return False
    return True


def _items(container: Any) -> Iterator[Any]:
    return iter(container.values() if isinstance(container, dict) else container)


def _encode(message: list[Any]) -> str:
    try:
        return _encoder.encode(message)
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaViolation(Kind.FORMATION, "", f"cannot be written as JSON: {_one_line(error)}") from error


def _error(
    message_type: int, message_id: str, code: str, description: str, details: dict[str, Any] | None = None
) -> str:
    return _encode([message_type, message_id, code, description[:MAX_DESCRIPTION_LENGTH], details or {}])


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_ID_LENGTH


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, str | int | float | None) else json.dumps(value, default=repr)
    return text if len(text) <= 80 else text[:77] + "..."


def _one_line(error: BaseException) -> str:
    return f"{error}".replace("\n", " ")[:120]
