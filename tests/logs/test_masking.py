"""What may leave the station in a log, and what may not."""

from __future__ import annotations

import json

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
