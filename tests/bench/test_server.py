import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.bench.server import methods
from controller.local.client import LocalClient
from controller.local.jsonrpc import LocalServer
from controller.local.messages import INVALID_PARAMS, RpcError
from hal.profile import load_profile
from hal.simulated.server import BenchServer
from hal.simulated.world import World


def at_the_bench(tmp_path: Path, talk: Callable[[LocalClient], None]) -> None:
    async def run() -> None:
        bench = BenchServer(World(profile=load_profile("simulated", 2)), tmp_path / "root", 1.0)
        async with LocalServer(tmp_path / "bench.sock", 0o660, methods(bench)):
            await bench.start()
            try:
                with LocalClient(tmp_path / "bench.sock") as client:
                    await asyncio.to_thread(talk, client)
            finally:
                await bench.close()

    asyncio.run(asyncio.wait_for(run(), 20))


def test_plug_vehicle_fault_unplug_are_answered_with_what_they_changed(tmp_path: Path) -> None:
    def talk(client: LocalClient) -> None:
        assert client.call("plug", {"evse": 2, "settings": {"max_ma": 10_000}})["plugged"] is True
        assert client.call("vehicle", {"evse": 2})["max_ma"] == 10_000
        assert (
            client.call("vehicle", {"evse": 2, "settings": {"wants_charge": False}})["wants_charge"] is False
        )
        assert client.call("ambient", {"mdeg_c": 40_000}) == {
            "temperature_mdeg_c": {"1": 40_000, "2": 40_000}
        }
        assert client.call("ambient", {"mdeg_c": 55_000, "evse": 2})["temperature_mdeg_c"]["2"] == 55_000
        found = client.call("fault.set", {"name": "diode_missing", "evse": 2})
        assert found == {"active": [{"evse_id": 2, "name": "diode_missing"}]}
        table = {row["name"]: row for row in client.call("fault.list")}
        assert table["diode_missing"]["active"] == [2]
        assert client.call("fault.clear") == {"active": []}
        assert client.call("unplug", {"evse": 2})["plugged"] is False
        assert client.call("swipe", {"uid": "04a1b2c3d4"}) == {"uid": "04A1B2C3D4", "reader": 0}
        assert len(client.call("status")["evses"]) == 2

    at_the_bench(tmp_path, talk)


@pytest.mark.parametrize(
    ("method", "params", "text"),
    [
        ("plug", {"evse": 3}, "evse 3"),
        ("plug", {"evse": "1"}, "expected int"),
        ("plug", {"settings": {"colour": "red"}}, "colour"),
        ("plug", {"settings": {"vehicle": 1}}, "no 'vehicle'"),
        ("vehicle", {"settings": {"evse_id": 2}}, "no 'evse_id'"),
        ("vehicle", {"settings": {"max_ma": "much"}}, "max_ma"),
        ("unplug", {}, "nothing is plugged in"),
        ("swipe", {"uid": "xyz"}, "hex"),
        ("swipe", {"uid": "04A1B2C3D4", "reader": 4}, "reader 4"),
        ("fault.set", {"name": "gremlins"}, "gremlins"),
        ("fault.set", {"name": "diode_missing", "evse": 9}, "9"),
    ],
)
def test_what_the_world_refuses_is_a_bad_parameter_in_words(
    tmp_path: Path, method: str, params: dict[str, Any], text: str
) -> None:
    def talk(client: LocalClient) -> None:
        with pytest.raises(RpcError, match=text) as caught:
            client.call(method, params)
        assert caught.value.code == INVALID_PARAMS

    at_the_bench(tmp_path, talk)
