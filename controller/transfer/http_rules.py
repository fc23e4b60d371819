"""HTTP's part in a transfer as decisions: what a status, a header or a redirect means. Pure.

Owns: RFC 9110 as far as a file needs it: 14 (ranges), 13.1.5 (If-Range), 15.4 (redirects), 8.6 (length).
Refuses to know: sockets and files.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

from controller.domain.tasks.transfers import Location, LocationError, TransferFault, parse_location
from controller.transfer.errors import TransferError, cleaned
from controller.transfer.part import Marks

REDIRECTS = (301, 302, 303, 307, 308)
METHOD_MISSING = (405, 501)


@dataclass(frozen=True, slots=True)
class Head:
    """What counts of a response. ``lengths``: every Content-Length; the rest "" when absent."""

    status: int
    reason: str
    lengths: Sequence[str] = ()
    content_range: str = ""
    encoding: str = ""
    etag: str = ""
    modified: str = ""
    location: str = ""
    challenge: str = ""
    chunked: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes from ``start`` on follow. ``marks.total``: of the whole file, None = not told."""

    start: int
    marks: Marks


def authorization(location: Location) -> str:
    """The Authorization header, "" without credentials (RFC 7617, in UTF-8)."""
    if not location.user and not location.password:
        return ""
    pair = f"{location.user}:{location.password}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")


def range_headers(kept: int, marks: Marks) -> dict[str, str]:
    """Ask for what is missing, or for everything when the file has changed since."""
    if not kept or not marks.validator:
        return {}
    return {"Range": f"bytes={kept}-", "If-Range": marks.validator}


def body_of(head: Head, source: Location, kept: int, asked: Marks) -> Body | None:
    """What follows a 200 or 206; None: ask again without a range. Raises ``TransferError``."""
    if head.status == 416 and kept:
        return None
    if head.status not in (200, 206):
        raise refused(head, source, f"GET {source}")
    if head.encoding.lower() not in ("", "identity"):
        raise _broken(source, f"Content-Encoding {head.encoding!r}", "the file as it is")
    length = _length(head, source)
    marks = Marks(_validator(head), length)
    if head.status == 200:
        return Body(0, marks)
    start, end, total = _content_range(head, source)
    total = asked.total if total is None else total
    fits = (
        kept
        and start == kept
        and (length is None or end - start + 1 == length)
        and (total is None or end == total - 1)
        and (asked.total is None or total == asked.total)
        and (not marks.validator or marks.validator == asked.validator or not _same_kind(marks, asked))
    )
    return Body(start, Marks(asked.validator, total if total is not None else end + 1)) if fits else None


def _same_kind(one: Marks, other: Marks) -> bool:
    return one.validator.startswith('"') == other.validator.startswith('"')


def _length(head: Head, source: Location) -> int | None:
    """RFC 9110 8.6: equal repetitions are one, everything else is an error; not beside chunks."""
    if head.chunked or not head.lengths:
        return None
    values = {part.strip() for value in head.lengths for part in value.split(",")}
    text = values.pop()
    if values or not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise _broken(source, f"Content-Length {', '.join(head.lengths)[:60]!r}", "one whole number")
    return int(text)


def _content_range(head: Head, source: Location) -> tuple[int, int, int | None]:
    unit, _, rest = head.content_range.partition(" ")
    span, _, total = rest.partition("/")
    start, _, end = span.partition("-")
    numbers = [one.strip()[:19] for one in (start, end, total)]
    if unit.lower() == "bytes" and all(one.isascii() and one.isdigit() for one in numbers[:2]):
        if numbers[2] == "*":
            return int(numbers[0]), int(numbers[1]), None
        if numbers[2].isascii() and numbers[2].isdigit():
            return int(numbers[0]), int(numbers[1]), int(numbers[2])
    raise _broken(source, f"Content-Range {head.content_range[:60]!r}", "bytes first-last/total")


def _validator(head: Head) -> str:
    """A strong ETag, or the time of the last change; a weak ETag proves nothing (RFC 9110 13.1.5)."""
    etag, modified = head.etag, head.modified
    if etag.startswith('"') and etag.endswith('"') and len(etag) <= 200:
        return etag if etag.isascii() and etag.isprintable() else ""
    return modified if len(modified) <= 40 and modified.isascii() and modified.isprintable() else ""


def redirected(head: Head, source: Location, upload: bool) -> Location:
    """Where a redirect leads. Credentials go along to the same origin only. Raises ``TransferError``."""
    if upload and head.status == 303:
        raise _broken(source, "303 See Other for an upload", "307 or 308, or an answer")
    if not head.location:
        raise _broken(source, f"{head.status} without a Location", "a Location")
    try:
        target = parse_location(urljoin(_bare(source), head.location))
    except (LocationError, ValueError) as error:
        raise _broken(source, f"a redirect to something else ({error})", "an http or https URL") from error
    if target.scheme not in ("http", "https"):
        raise _broken(source, f"a redirect to {target.scheme}", "http or https")
    if source.scheme == "https" and target.scheme == "http":
        raise TransferError(
            TransferFault.UNTRUSTED,
            f"{source}: a redirect from https to {target}, which is not protected; expected https",
        )
    if target.origin != source.origin:
        return target
    return Location(
        target.scheme, target.host, target.port, target.path, target.query, source.user, source.password
    )


def _bare(source: Location) -> str:
    query = f"?{source.query}" if source.query else ""
    return f"{source.scheme}://{source.authority}{source.path}{query}"


def refused(head: Head, location: Location, what: str) -> TransferError:
    """The error of a status that is none of the good ones."""
    said = f"{what}: the server answered {head.status} {cleaned(head.reason, location)}".rstrip()
    if head.status in (401, 403, 407):
        challenge = head.challenge.split(" ")[0]
        hint = f"it asks for {challenge[:20]}, Basic is supported" if _foreign(challenge) else ""
        remedy = hint or "check user and password in the URL, and what that user may do"
        return TransferError(TransferFault.PERMISSION_DENIED, f"{said}; {remedy}")
    if head.status in (404, 410):
        return TransferError(TransferFault.NOT_FOUND, f"{said}; check the path")
    if head.status in METHOD_MISSING:
        return TransferError(TransferFault.NOT_SUPPORTED, f"{said}; use a server that can do it")
    if head.status in (413, 507):
        return TransferError(TransferFault.TOO_LARGE, f"{said}; let the server take larger files")
    if head.status in (408, 425, 429) or head.status >= 500:
        return TransferError(TransferFault.INTERRUPTED, f"{said}; try again later, see the server's log")
    return TransferError(TransferFault.BAD_MESSAGE, f"{said}; see the server's log")


def _foreign(challenge: str) -> bool:
    return bool(challenge) and challenge.lower() != "basic" and challenge.isalnum()


def _broken(source: Location, found: str, expected: str) -> TransferError:
    return TransferError(
        TransferFault.BAD_MESSAGE, f"{source}: found {found}, expected {expected}; see the server"
    )
