"""The meter driver against real pymodbus servers."""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymodbus import FramerType
from pymodbus.constants import ExcCodes

from hal.interface import HardwareError, MeterIdentity, MeterReading
from hal.profile import MeterProfile, ProfileError
from hal.raspberry.meter import models, open_meter
from hal.raspberry.meter.image import register_image
from hal.raspberry.meter.line import shared_line
from hal.raspberry.meter.link import parse_link
from tests.hal.raspberry.meter.bus import (
    SAMPLE,
    Bus,
    Image,
    all_models,
    asked,
    csv_image,
    device,
    expected,
    serial_bus,
    sunspec_image,
    tcp_bus,
)

SDM = "Eastron SDM630 v2"
FAST_MS = 40
NAMED = [
    "Eastron SDM120",
    "Eastron SDM230",
    "Eastron SDM630 v2",
    "Eastron SDM72D-M",
    "Eastron SDM72D-M-V2",
    "ABB B23",
    "Carlo Gavazzi EM340",
    "Schneider iEM3155",
    "Orno WE-517",
    "Inepro PRO380",
    *(f"SunSpec {model}" for model in (201, 202, 203, 204, 211, 212, 213, 214)),
]


def image_of(model: str, sample: dict[str, str] = SAMPLE) -> Image:
    if model.startswith("SunSpec"):
        return sunspec_image(int(model.split()[1]), sample)
    return csv_image(model, sample)


def profile(bus: Bus, model: str = SDM, **changes: Any) -> MeterProfile:
    return replace(MeterProfile(model, bus.link), **changes)


async def read_once(bus: Bus, **changes: Any) -> MeterReading:
    meter = open_meter(profile(bus, **changes), bus.root)
    try:
        return await meter.read()
    finally:
        await meter.close()


def test_every_model_of_the_csv_is_supported() -> None:
    assert models() == all_models()
    assert set(NAMED) <= set(models())


@pytest.mark.parametrize("model", all_models())
def test_every_model_reads_what_an_independent_encoder_wrote_over_tcp(model: str) -> None:
    async def scenario() -> None:
        async with tcp_bus([device(7, image_of(model))]) as bus:
            assert await read_once(bus, model=model, unit=7) == expected(model)

    asyncio.run(scenario())


@pytest.mark.parametrize("model", NAMED)
def test_every_named_model_reads_over_a_serial_line(model: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serial_bus([device(1, image_of(model))], tmp_path) as bus:
            assert await read_once(bus, model=model) == expected(model)

    asyncio.run(scenario())


def test_rtu_frames_over_tcp() -> None:
    async def scenario() -> None:
        async with tcp_bus([device(1, image_of(SDM))], framer=FramerType.RTU) as bus:
            assert await read_once(bus) == expected(SDM)

    asyncio.run(scenario())


def test_nothing_is_opened_before_the_first_read() -> None:
    meter = open_meter(MeterProfile(SDM, "rtu:/dev/nowhere"), Path("/nonexistent"))
    asyncio.run(meter.close())


def test_refused_blocks_are_split_and_what_worked_is_remembered() -> None:
    requests: list[tuple[int, int, int]] = []

    async def scenario() -> None:
        async with tcp_bus([device(1, csv_image(SDM))], trace=asked(requests)) as bus:
            meter = open_meter(profile(bus), bus.root)
            assert await meter.read() == expected(SDM)
            first = len(requests)
            requests.clear()
            assert await meter.read() == expected(SDM)
            assert requests == [(4, 0, 18), (4, 52, 2), (4, 62, 2), (4, 70, 6)]  # the holes are left out
            assert first > len(requests)
            await meter.close()

    asyncio.run(scenario())


def test_a_meter_without_holes_is_read_in_two_requests() -> None:
    requests: list[tuple[int, int, int]] = []

    async def scenario() -> None:
        whole = {(4, address): 0 for address in range(80)} | csv_image(SDM)
        async with tcp_bus([device(1, whole)], trace=asked(requests)) as bus:
            assert await read_once(bus) == expected(SDM)

    asyncio.run(scenario())
    assert requests == [(4, 0, 18), (4, 52, 24)]


def test_a_register_the_meter_does_not_have_is_none_and_is_not_asked_again() -> None:
    requests: list[tuple[int, int, int]] = []

    async def scenario() -> None:
        image = {key: word for key, word in csv_image(SDM).items() if key[1] not in (70, 71, 74, 75)}
        async with tcp_bus([device(1, image)], trace=asked(requests)) as bus:
            meter = open_meter(profile(bus), bus.root)
            reading = await meter.read()
            assert reading.frequency_mhz is None
            assert reading.energy_export_wh is None
            assert reading.energy_import_wh == 12345600
            requests.clear()
            await meter.read()
            assert all(not start <= 70 < start + count for _, start, count in requests)
            await meter.close()

    asyncio.run(scenario())


def test_without_the_import_register_there_is_no_reading() -> None:
    async def scenario() -> None:
        image = {key: word for key, word in csv_image(SDM).items() if key[1] not in (72, 73)}
        async with tcp_bus([device(1, image)]) as bus:
            with pytest.raises(
                HardwareError, match=r"refuses 2 registers from 72 .*illegal data address.*model"
            ):
                await read_once(bus)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((0x7FC0, 0), "no value in energy_import"),  # NaN
        ((0x7F80, 0), "infinity"),
        (struct.unpack(">HH", struct.pack(">f", -1.5)), "energy_import .* reads -1.5 kWh, which cannot be"),
        (struct.unpack(">HH", struct.pack(">f", 1e30)), "reads 1e\\+30 kWh, which cannot be"),
    ],
)
def test_nonsense_in_the_import_register_is_an_error(words: tuple[int, int], message: str) -> None:
    async def scenario() -> None:
        image = csv_image(SDM) | {(4, 72): words[0], (4, 73): words[1]}
        async with tcp_bus([device(1, image)]) as bus:
            with pytest.raises(HardwareError, match=message):
                await read_once(bus)

    asyncio.run(scenario())


def test_the_wrong_word_order_is_noticed() -> None:
    async def scenario() -> None:
        image = csv_image(SDM)
        swapped = dict(image)
        for key in list(image):
            if key[0] == 4 and key[1] % 2 == 0:
                swapped[key], swapped[4, key[1] + 1] = image[4, key[1] + 1], image[key]
        async with tcp_bus([device(1, swapped)]) as bus:
            with pytest.raises(HardwareError, match="which cannot be"):
                await read_once(bus)

    asyncio.run(scenario())


def test_no_value_patterns_of_an_integer_meter() -> None:
    async def scenario() -> None:
        image = csv_image("ABB B23")
        image |= {(3, 23300): 0xFFFF, (3, 23301): 0xFFFF}  # voltage L3, unsigned
        image |= {(3, 23322): 0x7FFF, (3, 23323): 0xFFFF}  # power L3, signed
        image |= {(3, 23354): 0x7FFF, (3, 23340): 0xFFFF}
        async with tcp_bus([device(1, image)]) as bus:
            reading = await read_once(bus, model="ABB B23")
            assert reading.voltage_mv == (230100, 231200, None)
            assert reading.power_phase_w == (3600, 3700, None)
            assert reading.power_factor_pm is None
            assert reading.frequency_mhz is None
            assert reading.energy_import_wh == 12345600

    asyncio.run(scenario())


def test_swap_exchanges_energies_and_the_sign_of_power() -> None:
    async def scenario() -> None:
        async with tcp_bus([device(1, image_of("SunSpec 203"))]) as bus:
            reading = await read_once(bus, model="SunSpec 203", swap_import_export=True)
            assert (reading.energy_import_wh, reading.energy_export_wh) == (98700, 12345600)
            assert reading.power_w == -10999
            assert reading.power_phase_w == (-3600, -3700, -3699)

    asyncio.run(scenario())


@pytest.mark.parametrize("start", [40000, 0, 50000])
def test_sunspec_is_found_at_every_start_and_behind_other_models(start: int) -> None:
    async def scenario() -> None:
        image = sunspec_image(203, start=start, before=(103, 120))
        async with tcp_bus([device(1, image)]) as bus:
            assert await read_once(bus, model="SunSpec 203") == expected("SunSpec 203")

    asyncio.run(scenario())


def test_sunspec_names_the_models_that_are_there() -> None:
    async def scenario() -> None:
        async with tcp_bus([device(1, sunspec_image(213, before=(103,)))]) as bus:
            with pytest.raises(HardwareError, match=r'has 1, 103, 213; set model = "SunSpec 213"'):
                await read_once(bus, model="SunSpec 203")

    asyncio.run(scenario())


def test_sunspec_on_another_device() -> None:
    async def scenario() -> None:
        async with tcp_bus([device(1, csv_image(SDM))]) as bus:
            with pytest.raises(
                HardwareError, match=r"no SunSpec device: expected 'SunS'.*40000: exception 2"
            ):
                await read_once(bus, model="SunSpec 203")

    asyncio.run(scenario())


def test_sunspec_chain_without_an_end() -> None:
    async def scenario() -> None:
        image = {(3, 40000): 0x5375, (3, 40001): 0x6E53} | {(3, 40002 + i): 0 for i in range(300)}
        async with tcp_bus([device(1, image)]) as bus:
            with pytest.raises(HardwareError, match="no end mark"):
                await read_once(bus, model="SunSpec 203")

    asyncio.run(scenario())


def test_identity() -> None:
    async def scenario() -> None:
        for model, image, identity in (
            (SDM, csv_image(SDM), MeterIdentity(serial="4711")),
            ("ABB B23", csv_image("ABB B23"), MeterIdentity(model="B23", serial="4711")),
            ("Eastron SDM120", csv_image("Eastron SDM120"), MeterIdentity()),
            ("SunSpec 211", sunspec_image(211), MeterIdentity("Maker", "Type 7", "SN-0815", "1.4")),
        ):
            async with tcp_bus([device(1, image)]) as bus:
                meter = open_meter(profile(bus, model=model), bus.root)
                assert await meter.identify() == identity
                await meter.close()

    asyncio.run(scenario())


def test_a_busy_meter_is_asked_again() -> None:
    answers = [ExcCodes.DEVICE_BUSY, ExcCodes.DEVICE_BUSY]

    async def busy(*_: object) -> ExcCodes | None:
        return answers.pop() if answers else None

    async def scenario() -> None:
        image = {(4, address): 0 for address in range(80)} | csv_image(SDM)
        async with tcp_bus([device(1, image, busy)]) as bus:
            assert await read_once(bus) == expected(SDM)

    asyncio.run(scenario())
    assert answers == []


def test_a_failing_meter_is_named_with_its_exception() -> None:
    async def broken(*_: object) -> ExcCodes | None:
        return ExcCodes.DEVICE_FAILURE

    async def scenario() -> None:
        async with tcp_bus([device(1, csv_image(SDM), broken)]) as bus:
            with pytest.raises(
                HardwareError, match=r"unit 1 at tcp:.*exception 4 \(device failure\).*3 attempts"
            ):
                await read_once(bus)

    asyncio.run(scenario())


def test_a_wrong_unit_id_times_out_and_is_named(tmp_path: Path) -> None:
    def only_unit_1(sending: bool, data: bytes) -> bytes:
        return data if sending or data[0] == 1 else b""

    async def scenario() -> None:
        async with serial_bus([device(1, csv_image(SDM))], tmp_path, trace=only_unit_1) as bus:
            with pytest.raises(
                HardwareError, match=r"unit 9 at rtu:/dev/ttyUSB0: no answer within 40 ms \(3 att"
            ):
                await read_once(bus, unit=9, timeout_ms=FAST_MS)

    asyncio.run(scenario())


def test_a_dead_meter_is_asked_once_per_reading_until_it_answers(tmp_path: Path) -> None:
    requests = 0
    dead = True

    def trace(sending: bool, data: bytes) -> bytes:
        nonlocal requests
        if not sending:
            requests += 1
            return b"" if dead else data
        return data

    async def scenario() -> None:
        nonlocal dead, requests
        async with serial_bus([device(1, csv_image(SDM))], tmp_path, trace=trace) as bus:
            meter = open_meter(profile(bus, timeout_ms=FAST_MS), bus.root)
            for attempts in (3, 1):
                requests = 0
                with pytest.raises(HardwareError, match="no answer"):
                    await meter.read()
                assert requests == attempts
            dead = False
            assert await meter.read() == expected(SDM)
            await meter.close()

    asyncio.run(scenario())


def test_lost_requests_are_repeated(tmp_path: Path) -> None:
    lost = 2

    def trace(sending: bool, data: bytes) -> bytes:
        nonlocal lost
        if sending and lost:
            lost -= 1
            return b""
        return data

    async def scenario() -> None:
        async with serial_bus([device(1, csv_image(SDM))], tmp_path, trace=trace) as bus:
            assert await read_once(bus, timeout_ms=FAST_MS) == expected(SDM)

    asyncio.run(scenario())
    assert lost == 0


def test_corrupt_answers_are_not_believed(tmp_path: Path) -> None:
    corrupt = 2

    def trace(sending: bool, data: bytes) -> bytes:
        nonlocal corrupt
        if sending and corrupt:
            corrupt -= 1
            return data[:4] + bytes([data[4] ^ 0x40]) + data[5:]
        return data

    async def scenario() -> None:
        async with serial_bus([device(1, csv_image(SDM))], tmp_path, trace=trace) as bus:
            assert await read_once(bus, timeout_ms=FAST_MS) == expected(SDM)

    asyncio.run(scenario())


def test_a_late_answer_is_not_taken_for_the_next_one(tmp_path: Path) -> None:
    """Two registers of the same length; the first one's answer comes when the second may be asked for."""
    timeout_s = 0.1
    delays_s = [1.5 * timeout_s, 0.7 * timeout_s]  # of the first and the second answer

    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        def trace(sending: bool, data: bytes) -> bytes:
            if sending and delays_s:
                loop.call_later(delays_s.pop(0), os.write, bus.client_side, data)
                return b""
            return data

        # import and export register of a DZG meter: two registers each, at 0x4000 and 0x4100
        image = {key: word for key, word in csv_image("DZG DVH4013").items() if key[1] >= 0x4000}
        async with serial_bus([device(1, image)], tmp_path, trace=trace) as bus:
            line = shared_line(profile(bus, model="DZG DVH4013"), parse_link(bus.link, bus.root))
            line.enter()
            with pytest.raises(HardwareError, match="no answer"):
                await line.request(1, 3, 0x4000, 2, timeout_s, retries=0)
            words = await line.request(1, 3, 0x4100, 2, timeout_s, retries=0)
            assert words == [image[3, 0x4100], image[3, 0x4101]]
            line.leave()

    asyncio.run(scenario())
    assert delays_s == []


def test_an_answer_of_the_wrong_length_is_thrown_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        wrong = True

        def trace(sending: bool, data: bytes) -> bytes:
            nonlocal wrong
            if sending and wrong:
                wrong = False
                from pymodbus.framer.rtu import FramerRTU

                body = bytes([1, 4, 2, 0x12, 0x34])
                return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")
            return data

        async with serial_bus([device(1, csv_image(SDM))], tmp_path, trace=trace) as bus:
            assert await read_once(bus, timeout_ms=FAST_MS) == expected(SDM)

    asyncio.run(scenario())


@pytest.mark.parametrize("link", ["tcp", "rtu"])
def test_garbage_instead_of_answers_is_an_error_and_nothing_else(
    link: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    source = random.Random(7)

    def garbage(sending: bool, data: bytes) -> bytes:
        if not sending:
            return data
        kind = source.randrange(3)
        if kind == 0:
            return source.randbytes(source.randrange(1, 60))
        if kind == 1:  # a sound header, nonsense behind
            return data[: 8 if link == "tcp" else 2] + source.randbytes(20)
        return data[:6] + bytes([1, 0x41, 9]) if link == "tcp" else bytes([1, 0x41, 9, 9])

    async def scenario() -> None:
        devices = [device(1, csv_image(SDM))]
        open_bus = (
            tcp_bus(devices, trace=garbage) if link == "tcp" else serial_bus(devices, tmp_path, garbage)
        )
        async with open_bus as bus:
            meter = open_meter(profile(bus, timeout_ms=10), bus.root)
            for _ in range(15):
                with pytest.raises(HardwareError):
                    await meter.read()
            await meter.close()

    asyncio.run(scenario())
    assert [record for record in caplog.records if record.name.startswith("asyncio")] == []
    assert capfd.readouterr().err == ""


def test_two_meters_on_one_line_share_it_and_take_turns(tmp_path: Path) -> None:
    talking = 0
    most = 0
    ports: set[int] = set()

    def trace(sending: bool, data: bytes) -> bytes:
        nonlocal talking, most
        talking += -1 if sending else 1
        most = max(most, talking)
        ports.add(data[0])
        return data

    async def scenario() -> None:
        second = {**SAMPLE, "energy_import": "5000"}
        devices = [device(1, csv_image(SDM)), device(2, csv_image("ABB B23", second))]
        async with serial_bus(devices, tmp_path, trace=trace) as bus:
            (bus.root / "dev" / "meters").symlink_to("ttyUSB0")  # another name of the same port
            one = open_meter(profile(bus, unit=1), bus.root)
            two = open_meter(profile(bus, model="ABB B23", unit=2, link="rtu:/dev/meters"), bus.root)
            for _ in range(3):
                readings = await asyncio.gather(one.read(), two.read())
                assert readings[0] == expected(SDM)
                assert readings[1].energy_import_wh == 5000
            await one.close()
            assert (await two.read()).energy_import_wh == 5000
            with pytest.raises(HardwareError, match="is closed"):
                await one.read()
            await two.close()

    asyncio.run(scenario())
    assert most == 1
    assert ports == {1, 2}


def test_two_meters_on_one_line_need_the_same_settings(tmp_path: Path) -> None:
    one = open_meter(MeterProfile(SDM, "rtu:/dev/ttyAMA0"), tmp_path)
    with pytest.raises(ProfileError, match=r"\(9600, 'N', 1\) by another meter and with \(9600, 'E', 1\)"):
        open_meter(MeterProfile(SDM, "rtu:/dev/ttyAMA0", unit=2, parity="E"), tmp_path)
    asyncio.run(one.close())


def test_a_port_that_is_missing_is_named_and_opened_when_it_comes(tmp_path: Path) -> None:
    async def scenario() -> None:
        meter = open_meter(MeterProfile(SDM, "rtu:/dev/ttyUSB0"), tmp_path)
        with pytest.raises(
            HardwareError, match=rf"{tmp_path}/dev/ttyUSB0: no such device; check the adapter"
        ):
            await meter.read()
        async with serial_bus([device(1, csv_image(SDM))], tmp_path):
            assert await meter.read() == expected(SDM)
        with pytest.raises(HardwareError):  # unplugged
            await meter.read()
        async with serial_bus([device(1, csv_image(SDM))], tmp_path):
            assert await meter.read() == expected(SDM)
            await meter.close()

    asyncio.run(scenario())


def test_a_port_in_use_and_a_file_that_is_no_port(tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / "dev").mkdir()
        (tmp_path / "dev" / "file").write_text("")
        meter = open_meter(MeterProfile(SDM, "rtu:/dev/file"), tmp_path)
        with pytest.raises(HardwareError, match="cannot be opened as a serial port"):
            await meter.read()
        await meter.close()
        master, slave = os.openpty()
        fcntl.flock(slave, fcntl.LOCK_EX)  # how pyserial marks a port as taken
        meter = open_meter(MeterProfile(SDM, f"rtu:{os.ttyname(slave)}"), Path("/"))
        with pytest.raises(HardwareError, match="is another program using it"):
            await meter.read()
        await meter.close()
        os.close(master)
        os.close(slave)

    asyncio.run(scenario())


def test_settings_a_port_does_not_take_are_named() -> None:
    async def scenario() -> None:
        master, slave = os.openpty()
        meter = open_meter(MeterProfile(SDM, f"rtu:{os.ttyname(slave)}", parity="E"), Path("/"))
        with pytest.raises(HardwareError, match=r"does not take 9600 8E1 .*; check baud, parity"):
            await meter.read()
        await meter.close()
        os.close(master)
        os.close(slave)

    asyncio.run(scenario())


def test_a_tcp_server_that_is_away_and_comes_back() -> None:
    async def scenario() -> None:
        async with tcp_bus([device(1, csv_image(SDM))]) as bus:
            meter = open_meter(profile(bus, timeout_ms=FAST_MS), bus.root)
            assert await meter.read() == expected(SDM)
        with pytest.raises(HardwareError, match=r"cannot connect; check address"):
            await meter.read()
        with pytest.raises(HardwareError, match=r"cannot connect"):
            await meter.read()
        await meter.close()

    asyncio.run(scenario())


def test_a_cancelled_read_leaves_the_line_usable(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serial_bus([device(1, csv_image(SDM))], tmp_path) as bus:
            meter = open_meter(profile(bus, timeout_ms=FAST_MS), bus.root)
            await meter.read()
            for turns in range(1, 12):
                task = asyncio.create_task(meter.read())
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert await meter.read() == expected(SDM)
            await meter.close()

    asyncio.run(scenario())


def test_a_meter_works_in_a_second_event_loop() -> None:
    meters = []

    async def scenario() -> None:
        async with tcp_bus([device(1, csv_image(SDM))]) as bus:
            meters.append(open_meter(profile(bus), bus.root))
            assert await meters[-1].read() == expected(SDM)

    asyncio.run(scenario())
    asyncio.run(scenario())


async def read_sequence(*energies_wh: int) -> list[MeterReading | str]:
    """What a meter makes of an import register that shows these values, one per request."""
    values = list(energies_wh)

    async def action(_: int, start: int, address: int, count: int, registers: list[int], __: object) -> None:
        if address <= 72 < address + count:
            words = struct.unpack(">2H", struct.pack(">f", values.pop(0) / 1000))
            registers[72 - start : 74 - start] = words

    image = {(4, address): 0 for address in range(80)} | csv_image(SDM)
    results: list[MeterReading | str] = []
    async with tcp_bus([device(1, image, action)]) as bus:
        meter = open_meter(profile(bus), bus.root)
        while values:
            try:
                results.append(await meter.read())
            except HardwareError as error:
                results.append(str(error))
        await meter.close()
    return results


def energies(results: list[MeterReading | str]) -> list[int]:
    return [result.energy_import_wh for result in results if isinstance(result, MeterReading)]


def test_one_wrong_register_value_never_becomes_a_reading() -> None:
    results = asyncio.run(read_sequence(1000, 9_000_000, 1100, 1200, 16, 1300))
    assert energies(results) == [1000, 1100, 1200, 1300]


def test_a_replaced_meter_is_believed_after_two_readings() -> None:
    results = asyncio.run(read_sequence(500_000, 200, 210, 220))
    assert energies(results) == [500_000, 210, 220]


def test_a_register_that_leaps_about_is_an_error() -> None:
    results = asyncio.run(read_sequence(1000, 9_000_000, 5_000_000))
    assert energies(results) == [1000]
    assert "leap: import 1000, then 9000000, then 5000000 Wh" in str(results[1])


@pytest.mark.parametrize("model", all_models())
def test_the_register_image_of_every_model_is_read_back(model: str) -> None:
    reading = MeterReading(
        energy_import_wh=1_234_500,
        energy_export_wh=4_000_000,
        power_w=-21_000,
        power_phase_w=(-7_000, -7_001, -6_999),
        voltage_mv=(230_000, 231_500, 229_500),
        current_ma=(31_250, 31_500, 250),
        frequency_mhz=49_900,
        power_factor_pm=950,
    )
    shape = expected(model)

    def kept(value: Any, template: Any) -> Any:
        if isinstance(template, tuple) and isinstance(value, tuple):
            return tuple(kept(part, other) for part, other in zip(value, template, strict=True))
        return None if template is None else value

    async def scenario() -> None:
        requests: list[tuple[int, int, int]] = []
        async with tcp_bus([device(1, register_image(model, reading))], trace=asked(requests)) as bus:
            assert await read_once(bus, model=model) == MeterReading(
                **{
                    name: kept(getattr(reading, name), getattr(shape, name))
                    for name in MeterReading.__slots__
                }
            )
            assert len(requests) <= 20

    asyncio.run(scenario())
