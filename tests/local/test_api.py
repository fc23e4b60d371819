import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from controller.local import api
from controller.local.api import open_api
from controller.local.client import LocalClient
from controller.local.messages import FAILED, INTERNAL_ERROR, INVALID_PARAMS, REFUSED, RpcError
from controller.local.ports import Controller, EventQueue
from tests.local.support import SmallController, served_controller


def test_the_fake_satisfies_the_protocol_and_every_changing_method_exists() -> None:
    controller: Controller = SmallController()
    assert set(api.methods(controller)) > api.CHANGING


def test_every_method_is_in_the_document() -> None:
    text = Path("docs/local-api.md").read_text()
    names = [
        *api.methods(SmallController()),
        *api.streams(SmallController()),
        "subscribe",
        "unsubscribe",
        "methods",
    ]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_owner_and_group_only(tmp_path: Path) -> None:
    with served_controller(tmp_path):
        assert stat.S_IMODE((tmp_path / "controller.sock").stat().st_mode) == 0o660


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("why", {"evse_id": 2}, INVALID_PARAMS),
        ("why", {"evse_id": "1"}, INVALID_PARAMS),
        ("journal.tail", {"count": 0}, INVALID_PARAMS),
        ("journal.tail", {"count": 1001}, INVALID_PARAMS),
        ("journal.tail", {"after": -1}, INVALID_PARAMS),
        ("token.present", {"uid": ""}, INVALID_PARAMS),
        ("token.present", {"uid": "x" * 37}, INVALID_PARAMS),
        ("settings.set", {"name": "nope", "value": "1"}, INVALID_PARAMS),
        ("settings.set", {"name": "TxCtrlr.EVConnectionTimeOut", "value": 1}, INVALID_PARAMS),
        ("settings.set", {"name": "OCPPCommCtrlr.FieldLength", "value": "1"}, REFUSED),
        ("command", {"name": "late"}, FAILED),
        ("command", {"name": "break"}, INTERNAL_ERROR),
    ],
)
def test_what_cannot_be_done_is_told_with_its_code(
    tmp_path: Path, method: str, params: dict[str, Any], code: int
) -> None:
    with (
        served_controller(tmp_path),
        LocalClient(tmp_path / "controller.sock") as client,
        pytest.raises(RpcError) as caught,
    ):
        client.call(method, params)
    assert caught.value.code == code


def test_commands_reach_the_controller(tmp_path: Path) -> None:
    with served_controller(tmp_path) as (controller, _), LocalClient(tmp_path / "controller.sock") as client:
        client.call("token.present", {"uid": "04A1"})
        client.call("command", {"name": "reset", "params": {"kind": "Soft"}})
    assert controller.calls == [("token", ("04A1", None)), ("reset", {"kind": "Soft"})]


def test_settings_and_journal_are_views_of_the_controller(tmp_path: Path) -> None:
    with served_controller(tmp_path), LocalClient(tmp_path / "controller.sock") as client:
        client.call("settings.set", {"name": "TxCtrlr.EVConnectionTimeOut", "value": "90"})
        assert client.call("settings.list")[0]["value"] == "90"
        assert [line["seq"] for line in client.call("journal.tail", {"count": 2})] == [2, 3]
        assert [line["seq"] for line in client.call("journal.tail", {"after": 1})] == [2, 3]


def test_a_subscriber_gets_only_its_topics_and_hears_of_losses(tmp_path: Path) -> None:
    controller = SmallController()

    async def body() -> list[dict[str, Any]]:
        async with open_api(controller, tmp_path):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "controller.sock")
            params = {"stream": "events", "topics": ["event"]}
            request = {"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": params}
            writer.write(json.dumps(request).encode() + b"\n")
            await reader.readline()  # answer
            await reader.readline()  # the station as it is
            (queue,) = controller.queues
            queue.offer("log", {"text": "not wanted"})
            queue.offer("event", {"seq": 1})
            first = json.loads(await reader.readline())["params"]["item"]
            for seq in range(300):
                queue.offer("event", {"seq": seq})
            second = json.loads(await reader.readline())["params"]["item"]
            writer.close()
            return [first, second]

    first, second = asyncio.run(asyncio.wait_for(body(), 10))
    assert controller.queues == []  # the server has ended the subscription
    assert first == {"topic": "event", "data": {"seq": 1}, "lost": 0}
    assert second == {"topic": "event", "data": {"seq": 44}, "lost": 44}


def test_a_full_queue_drops_the_oldest() -> None:
    async def body() -> None:
        queue = EventQueue(2)
        for seq in range(5):
            queue.offer("event", {"seq": seq})
        assert await queue.take() == ("event", {"seq": 3}, 3)
        assert await queue.take() == ("event", {"seq": 4}, 0)

    asyncio.run(body())
