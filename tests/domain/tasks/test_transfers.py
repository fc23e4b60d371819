"""Locations and attempts: pure."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain.tasks.transfers import (
    MOST_RETRIES,
    PROTOCOLS,
    Attempts,
    LocationError,
    TransferFault,
    parse_location,
)


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "path", "user", "password"),
    [
        ("ftp://u:p@h:2121/a/b", "ftp", "h", 2121, "/a/b", "u", "p"),
        ("FTP://Host/", "ftp", "host", 21, "/", "", ""),
        ("ftps://u@h", "ftps", "h", 21, "/", "u", ""),
        ("http://[::1]:8080/x?y=1", "http", "::1", 8080, "/x", "", ""),
        ("https://a%40b:c%3Ad@h/%20", "https", "h", 443, "/%20", "a@b", "c:d"),
    ],
)
def test_16_FW_07_a_location_is_taken_apart(
    text: str, scheme: str, host: str, port: int, path: str, user: str, password: str
) -> None:
    one = parse_location(text)
    found = (one.scheme, one.host, one.port, one.path, one.user, one.password)
    assert found == (scheme, host, port, path, user, password)


@pytest.mark.parametrize("text", ["sftp://u:secret@h/x", "scp://h/x", "file:///etc/passwd", "gopher://h"])
def test_16_FW_07_other_protocols_are_named_as_not_supported(text: str) -> None:
    with pytest.raises(LocationError) as caught:
        parse_location(text)
    assert caught.value.fault in (TransferFault.NOT_SUPPORTED, TransferFault.BAD_LOCATION)
    if text.startswith("sftp"):
        assert caught.value.fault is TransferFault.NOT_SUPPORTED
        assert "sftp" in str(caught.value) and all(name in str(caught.value) for name in PROTOCOLS)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h/x",
        "http:///x",
        "http://u:secret@/x",
        "http://u:secret@h:99999/",
        "http://u:secret@h:0/",
        "http://u:secret@h:port/",
        "http://u:secret@h/a b",
        "ftp://u:secret@h/a%0d%0aDELE%20x",
        "ftp://u:secret%0a@h/a",
        "http://u:secret@[::1/",
        "http://h/\x7f",
        "http://.x/",
        "http://x..y/",
    ],
)
def test_a_text_that_is_no_location_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(LocationError) as caught:
        parse_location(text)
    assert caught.value.fault is TransferFault.BAD_LOCATION
    assert "secret" not in str(caught.value)
    assert "expected" in str(caught.value)


def test_what_is_not_ascii_is_encoded() -> None:
    one = parse_location("https://хост.example/журнал/é?ключ=a/b?c")
    assert one.host == "xn--n1agdj.example"
    assert one.path == "/%D0%B6%D1%83%D1%80%D0%BD%D0%B0%D0%BB/%C3%A9"
    assert one.query.isascii() and one.query.endswith("=a/b?c")
    assert parse_location("http://h/a%20b").path == "/a%20b"


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.text(max_size=40), st.sampled_from(["", "http://", "ftp://u:p@", "https://h", "ftps://[", "http://h:"])
)
def test_any_text_is_a_location_or_refused(text: str, before: str) -> None:
    try:
        one = parse_location(before + text)
    except LocationError as error:
        assert error.fault.final
    else:
        assert one.host.isascii() and one.path.isascii() and one.query.isascii() and 0 < one.port < 65536
        assert not any(ord(character) <= 32 for character in one.path + one.query + one.host)


def test_what_may_be_logged_shows_neither_credentials_nor_query() -> None:
    one = parse_location("https://user:secret@h:8443/logs/?sig=hush")
    assert str(one) == "https://h:8443/logs/?..."
    assert not any(word in repr(one) for word in ("user", "secret", "hush"))


def test_a_directory_takes_the_files_name_and_a_file_keeps_its_own() -> None:
    assert parse_location("ftp://h/logs/").within("a b.gz").path == "/logs/a%20b.gz"
    assert parse_location("ftp://h").within("a.gz").path == "/a.gz"
    assert parse_location("http://h/put/here").within("a.gz").path == "/put/here"
    assert parse_location("http://h/a%20b").file_name == "a b"


def test_16_FW_13_retries_count_after_the_first_attempt() -> None:
    """Errata 3.50."""
    default = Attempts(3, 60)
    assert Attempts.asked(None, None, default) == default
    attempts = Attempts.asked(2, 10, default)
    begun = 1
    while attempts.left:
        attempts = attempts.failed()
        begun += 1
    assert begun == 3
    assert Attempts.asked(0, 10, default).left is False
    assert Attempts.asked(-5, -1, default) == Attempts(0, 0)


def test_attempts_never_follow_at_once() -> None:
    assert Attempts(1, 0).next_at_ms(5_000) == 6_000
    assert Attempts(1, 30).next_at_ms(5_000) == 35_000


def test_only_what_cannot_heal_is_final() -> None:
    final = {fault for fault in TransferFault if fault.final}
    assert final == {TransferFault.BAD_LOCATION, TransferFault.NOT_SUPPORTED}


def test_nobody_has_a_file_moved_for_ever() -> None:
    asked = Attempts.asked(2**63 - 1, 0, Attempts(3, 60))
    assert asked.retries == MOST_RETRIES and asked.next_at_ms(5000) == 6000
