"""The pure parts: pace, what HTTP's headers mean."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain.tasks.transfers import TransferFault, parse_location
from controller.transfer.errors import TransferError, cleaned
from controller.transfer.http_rules import Body, Head, authorization, body_of, range_headers, redirected
from controller.transfer.pace import Pace
from controller.transfer.part import Marks

SOURCE = parse_location("https://user:secret@h/dir/x?y=1")
KNOWN = Marks('"v1"', 1000)


def test_pace_is_about_bytes_not_about_reads() -> None:
    pace = Pace(stall_s=10, stall_bytes=100, now_s=0)
    assert not any(pace.stalled(1, second) for second in range(10))
    assert pace.stalled(1, 10)
    pace = Pace(stall_s=10, stall_bytes=100, now_s=0)
    assert not any(pace.stalled(100, 9 * step) for step in range(1, 50))


def test_a_range_is_asked_for_only_with_proof() -> None:
    assert range_headers(500, KNOWN) == {"Range": "bytes=500-", "If-Range": '"v1"'}
    assert range_headers(500, Marks()) == {}
    assert range_headers(0, KNOWN) == {}


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (Head(206, "", ("500",), "bytes 500-999/1000", etag='"v1"'), Body(500, KNOWN)),
        (Head(206, "", ("500",), "bytes 500-999/*", etag='"v1"'), Body(500, KNOWN)),
        (Head(206, "", (), "bytes 500-999/1000"), Body(500, KNOWN)),
        (Head(206, "", ("500",), "bytes 500-999/1000", etag='"v2"'), None),  # another file after all
        (Head(206, "", ("500",), "bytes 0-499/1000", etag='"v1"'), None),
        (Head(206, "", ("400",), "bytes 500-999/1000", etag='"v1"'), None),
        (Head(206, "", ("501",), "bytes 500-1000/1001", etag='"v1"'), None),
        (Head(206, "", ("100",), "bytes 500-599/1000", etag='"v1"'), None),
        (Head(416, "", ("0",)), None),
        (Head(200, "", ("7", "7"), etag='"v2"'), Body(0, Marks('"v2"', 7))),
        (Head(200, "", ("7",), chunked=True), Body(0, Marks("", None))),
    ],
)
def test_16_FW_08_what_a_ranged_answer_means(head: Head, expected: Body | None) -> None:
    assert body_of(head, SOURCE, 500, KNOWN) == expected


def test_where_redirects_lead() -> None:
    def follow(to: str) -> str:
        target = redirected(Head(302, "", location=to), SOURCE, upload=False)
        return f"{target} {target.query} {target.user}".rstrip()

    assert follow("z") == "https://h/dir/z  user"
    assert follow("//other/z") == "https://other/z"
    assert follow("https://h:444/z?a") == "https://h:444/z?... a"
    for wrong in ("http://h/z", "ftp://h/z", "javascript:1", "https://[/"):
        with pytest.raises(TransferError):
            follow(wrong)


def test_credentials_become_basic_and_never_text() -> None:
    assert authorization(SOURCE) == "Basic dXNlcjpzZWNyZXQ="
    assert authorization(parse_location("http://h/")) == ""
    assert cleaned("530 user\x07 has no secret\n", SOURCE) == "530 ***  has no *** "
    assert len(cleaned("x" * 1000, SOURCE)) < 210


def test_faults_have_words_of_their_own() -> None:
    assert len({fault.value for fault in TransferFault}) == len(TransferFault)


WORDS = st.one_of(
    st.sampled_from(["", "bytes 500-999/1000", "bytes 500-/", "bytes */1", '"v1"', 'W/"v1"', "chunked", "5"]),
    st.text(max_size=30),
    st.integers().map(str),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from([200, 206, 302, 401, 416, 500, 999, 0]),
    st.lists(WORDS, max_size=3),
    WORDS,
    WORDS,
    WORDS,
    WORDS,
    st.booleans(),
)
def test_no_head_of_an_answer_breaks_the_rules(
    status: int, lengths: list[str], ranged: str, etag: str, date: str, location: str, chunked: bool
) -> None:
    head = Head(status, "why", lengths, ranged, "", etag, date, location, etag, chunked)
    for call in (
        lambda: body_of(head, SOURCE, 500, KNOWN),
        lambda: redirected(head, SOURCE, upload=False),
    ):
        try:
            found = call()
        except TransferError as error:
            assert len(str(error)) < 1000
            continue
        if isinstance(found, Body):
            headers = range_headers(1, found.marks)
            assert all(value.isascii() and value.isprintable() for value in headers.values())
