"""Everything that can go wrong between this station and its CSMS, as one tree of exceptions.

Owns: the exception classes of ``controller.csms``. ``rpc`` re-exports them.
Refuses to know: who raises them and what is done about them.

    CsmsError
    ├── LinkError        no connection was made (``problem`` says which kind, for back-off and security
    events)
    ├── LinkClosed       the connection is gone
    ├── SchemaViolation  a payload does not have the shape the OCA schema demands
    ├── CallRefused      raised by a handler: answer this request with a CALLERROR
    ├── NotAnswered      raised by a handler: say nothing at all
    ├── CallFailed       our CALL was answered with a CALLERROR, or with something unusable
    └── CallTimeout      our CALL was not answered in time
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class CsmsError(Exception):
    """Base of all errors of the connection to the CSMS."""


class LinkProblem(StrEnum):
    """Why no connection was made."""

    BAD_ENDPOINT = "bad endpoint"  # URL, identity, password or CA file: trying again cannot help
    NAME_UNKNOWN = "host name not found"
    REFUSED = "connection refused"
    UNREACHABLE = "host not reachable"
    TIMEOUT = "no answer in time"
    TLS_UNTRUSTED = "server certificate not trusted"
    TLS_DATE = "server certificate not valid at this time"
    TLS_WRONG_HOST = "server certificate is for another host"
    TLS_VERSION = "TLS version of the server too old"
    TLS_SUITE = "no permitted TLS cipher suite"
    TLS_FAILED = "TLS failed"
    CLIENT_CERTIFICATE = "client certificate not accepted"
    UNAUTHORIZED = "not authorized"
    FORBIDDEN = "forbidden"
    UNKNOWN_IDENTITY = "identity not known"
    REDIRECTED = "redirected"
    SERVER_ERROR = "server error"
    REFUSED_BY_HTTP = "websocket refused"
    NOT_A_WEBSOCKET = "not a websocket server"
    NO_SUBPROTOCOL = "no OCPP version agreed"


class LinkError(CsmsError):
    """No connection was made. The text says what, where, found, expected and what to do; never a secret."""

    def __init__(self, problem: LinkProblem, where: str, found: str, expected: str, remedy: str) -> None:
        super().__init__(f"{problem.value}: {where}: found {found}, expected {expected}; {remedy}")
        self.problem = problem
        self.where = where
        self.found = found
        self.expected = expected
        self.remedy = remedy


class LinkClosed(CsmsError):
    """The connection is gone. ``code``: websocket close code (RFC 6455 7.4), None when it just broke.
    ``broken``: this station ended it, because the other side broke the rules of websockets."""

    def __init__(self, why: str, code: int | None = None, *, broken: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.code = code
        self.broken = broken


class Kind(StrEnum):
    """What a payload does wrong. Each dialect has its own spelling of the error code (``rpc.Dialect``)."""

    OCCURRENCE = "occurrence"  # a required member is missing, an array is too short or too long
    TYPE = "type"  # a string where a number belongs
    PROPERTY = "property"  # the right type, an impossible value: enum, length, range, format
    FORMATION = "formation"  # a member the schema does not know, or not a JSON object at all


class SchemaViolation(CsmsError):
    """``path``: dotted place in the payload, "" for the payload itself. The text quotes no long values."""

    def __init__(self, code_kind: Kind, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.code_kind = code_kind
        self.path = path
        self.message = message


class CallRefused(CsmsError):
    """Raised by a handler: answer with CALLERROR ``code`` (a code of the dialect in use)."""

    def __init__(self, code: str, description: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description
        self.details = details


class NotAnswered(CsmsError):
    """Raised by a handler: the standard forbids any answer (1.6 4.2, while Rejected)."""


class CallFailed(CsmsError):
    """Our CALL got a CALLERROR, or an answer this station cannot use.

    ``unusable``: the CSMS did answer with a CALLRESULT, so it took the message; only its answer has the wrong
    shape. Sending the same message again would bring the same answer.
    """

    def __init__(
        self,
        code: str,
        description: str = "",
        details: dict[str, Any] | None = None,
        *,
        unusable: bool = False,
    ) -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description
        self.details = details or {}
        self.unusable = unusable


class CallTimeout(CsmsError):
    """Our CALL was not answered in time (1.6J 4.1.1)."""

    def __init__(self, action: str, message_id: str, timeout_s: float) -> None:
        super().__init__(f"{action} {message_id}: no answer within {timeout_s:g} s")
        self.action = action
        self.message_id = message_id
        self.timeout_s = timeout_s
