"""What may leave the station in a log, and what may not."""

from __future__ import annotations

import json

import pytest

from controller.csms.trace import Renderer, masked
from controller.logs import masking


def test_passwords_keys_and_credentials_are_masked() -> None:
    shown = json.dumps(
        masking.value(
            {
                "csms": {"url": "wss://joule:hush@host/ocpp", "basicAuthPassword": "hush"},
                "configurationKey": [{"key": "AuthorizationKey", "value": "hush"}],
                "upload": "https://host/put?sig=hush",
                "pem": "a -----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY----- b",
                "numbers": [1, None, True],
            }
        )
    )
    assert "hush" not in shown
    assert "wss://***@host/ocpp" in shown and "https://host/put?***" in shown


def test_of_a_token_only_the_beginning_is_shown() -> None:
    found = masking.value(
        {
            "event": "TokenAuthorized",
            "token": {"value": "04A2B3C4D5", "type": "ISO14443"},
            "group": {"value": "GROUP123"},
            "idTag": "04A2B3C4D5",
            "uid": "04",
            "sample": {"value": 7, "unit": "Wh"},
        }
    )
    assert found == {
        "event": "TokenAuthorized",
        "token": {"value": "04A2***", "type": "ISO14443"},
        "group": {"value": "GROU***"},
        "idTag": "04A2***",
        "uid": "04***",
        "sample": {"value": 7, "unit": "Wh"},
    }


def test_frames_become_lines_without_secrets() -> None:
    frames = [
        (1, '> [2,"1","Authorize",{"idTag":"04A2B3C4D5"}]'),
        (2, '< [3,"1",{"idTagInfo":{"status":"Accepted","parentIdTag":"PARENT99"}}]'),
        (3, '< [2,"2","GetLog",{"log":{"remoteLocation":"ftp://u:hush@h/"}}]'),
        (4, '< [2,"3","ChangeConfiguration",{"key":"AuthorizationKey","value":"hush"}]'),
        (5, "< binary frame, 12 bytes"),
        (6, '> [2,"4","Authorize",{"idToken":{"idToken":"04A2B3C4D5","type":"ISO14443"}}]'),
    ]
    lines = masking.frames(frames)
    text = "\n".join(line for _at, line in lines)
    assert [at for at, _line in lines] == [1, 2, 3, 4, 5, 6]
    assert not any(word in text for word in ("hush", "04A2B3C4D5", "PARENT99"))
    assert '"idTag":"04A2***"' in text and "Authorize answer" in text and "ftp://***@h/" in text


CREDENTIALS = (
    "joule:hush",
    "joule:hu@sh",
    'joule:hu"sh',
    "joule:hu\\sh",
    "joule:hu'sh<>^",
    "hush",
    ":hush",
    "joule%40cpo:hush",
    "jou:le:hush:",
)


@pytest.mark.parametrize("credentials", CREDENTIALS)
@pytest.mark.parametrize("url", ["ftp://{}@host/dir/", "https://{}@host", "//{}@host:8443/x?sig=hush&b=c"])
def test_no_form_of_user_and_password_in_a_url_is_shown(credentials: str, url: str) -> None:
    """A password is what stands before the last "@" of the authority, quotes and all."""
    whole = url.format(credentials)
    frame = json.dumps([2, "1", "GetDiagnostics", {"location": whole}])
    broken = frame.replace('"GetDiagnostics",', '"GetDiagnostics"')
    shown = [
        Renderer().line("<", frame),
        Renderer().line("<", broken),
        *(line for _at, line in masking.frames([(1, f"< {frame}"), (2, f"< {broken}")])),
        json.dumps(masking.value({"event": "FirmwareUpdateBegun", "location": whole})),
        json.dumps(masked({"location": whole})),
    ]
    for one in shown:
        assert not any(part in one for part in ("hush", "sh@", "sh<", "sh\\")), one
    assert all("host" in one for one in shown), "the rest is what somebody looks for"


def test_a_quote_in_a_token_ends_no_masking() -> None:
    frame = json.dumps([2, "1", "Authorize", {"idTag": 'ABCD"EFGHIJK'}])
    assert "EFGH" not in str(masking.frames([(1, f"> {frame}")]))
    more = {"idToken": {"idToken": "ABCDEF", "additionalInfo": [{"additionalIdToken": "MSP-ABCDEF"}]}}
    assert "CDEF" not in str(masking.value(more))


def test_much_that_looks_like_a_url_takes_no_time() -> None:
    for text in ("//" + "a" * 500_000, "//a" * 300_000, "//a?" * 300_000, '//\\"' * 300_000):
        assert len(masking.text(text)) > 0
        masked(text)
