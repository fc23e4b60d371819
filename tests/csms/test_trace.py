"""Frames as lines for people: readable, bounded, without secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.csms.trace import FrameLines, Renderer

SECRET = "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"


def line(*frame: Any) -> str:
    return Renderer().line("<", json.dumps(frame))


def test_answers_carry_the_action_they_answer() -> None:
    found: list[str] = []
    lines = FrameLines(found.append)
    lines.sent('[2,"1","Heartbeat",{}]')
    lines.received('[3,"1",{"currentTime":"2026-01-01T00:00:00Z"}]')
    lines.received('[2,"2","Reset",{"type":"Soft"}]')
    lines.sent('[4,"2","InternalError","sorry",{}]')
    lines.received('[3,"unknown",{}]')
    lines.note("ignored: something")
    assert found == [
        "> Heartbeat [1] {}",
        '< Heartbeat answer [1] {"currentTime":"2026-01-01T00:00:00Z"}',
        '< Reset [2] {"type":"Soft"}',
        "> Reset CALLERROR [2] InternalError sorry {}",
        "< ? answer [unknown] {}",
        "! ignored: something",
    ]


@pytest.mark.parametrize(
    "frame",
    [
        [2, "1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}],
        [2, "1", "ChangeConfiguration", {"value": SECRET, "key": "authorizationkey"}],
        [3, "1", {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": SECRET}]}],
        [
            2,
            "1",
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "component": {"name": "SecurityCtrlr"},
                        "variable": {"name": "BasicAuthPassword"},
                        "attributeValue": SECRET,
                    }
                ]
            },
        ],
        [2, "1", "SetNetworkProfile", {"connectionData": {"apn": {"apn": "x", "apnPassword": SECRET}}}],
        [2, "1", "SetNetworkProfile", {"connectionData": {"basicAuthPassword": SECRET}}],
        [
            2,
            "1",
            "SetNetworkProfile",
            {"connectionData": {"vpn": {"key": SECRET, "password": SECRET, "user": "u"}}},
        ],
        [2, "1", "GetDiagnostics", {"location": f"ftp://user:{SECRET}@host/dir"}],
        [2, "1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}, "surplus"],
    ],
)
def test_secrets_are_masked(frame: list[Any]) -> None:
    text = json.dumps(frame)
    for shown in (line(*frame), Renderer().line("<", text[:-3]), Renderer().line("<", text + "]")):
        assert SECRET not in shown, shown


def test_other_settings_are_shown() -> None:
    assert "300" in line(2, "1", "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "300"})


@pytest.mark.parametrize(
    "frame", ["", "nonsense", "[]", "[2]", "[[],[]]", "[" * 100_000, '[2,"1","A\x1b[31m",{}]']
)
def test_garbage_becomes_one_short_line(frame: str) -> None:
    shown = Renderer().line("<", frame)
    assert shown.isprintable() and len(shown) < 2_100


def test_long_and_binary_frames() -> None:
    assert len(line(2, "1", "DataTransfer", {"data": "x" * 100_000})) < 2_100
    assert Renderer().line("<", b"\x00\x01") == "< binary frame, 2 bytes"
    renderer = Renderer(remember=2)
    for number in range(5):
        renderer.line(">", json.dumps([2, str(number), "Heartbeat", {}]))
    assert renderer.line("<", '[3,"0",{}]') == "< ? answer [0] {}"
    assert renderer.line("<", '[3,"4",{}]') == "< Heartbeat answer [4] {}"
