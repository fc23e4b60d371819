"""Meter values as the CSMS sees them (1.6 3.16, 4.7): sampled, clock-aligned, triggered, at the end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.domain.metering.measurands import Measurand
from hal.profile import load_profile
from tests.support.cabin import MAIN_BEFORE_WH, Cabin
from tests.support.csms import FakeCsms, error, never
from tests.support.virtual_time import run_virtual

ENERGY = "Energy.Active.Import.Register"
Value = dict[str, Any]


async def change(csms: FakeCsms, key: str, value: str) -> str:
    return str((await csms.call("ChangeConfiguration", {"key": key, "value": value}))["status"])


async def value_of(csms: FakeCsms, key: str) -> str:
    (row,) = (await csms.call("GetConfiguration", {"key": [key]}))["configurationKey"]
    return str(row["value"])


def values(csms: FakeCsms, connector_id: int | None = None, context: str | None = None) -> list[Value]:
    """Every sampledValue of MeterValues, with its timestamp and the message's connector and transaction."""
    told = []
    for one in csms.of("MeterValues"):
        for meter_value in one.payload["meterValue"]:
            for sampled in meter_value["sampledValue"]:
                row = {**sampled, "timestamp": meter_value["timestamp"], **head(one.payload)}
                if connector_id in (None, row["connectorId"]) and context in (None, row["context"]):
                    told.append(row)
    return told


def head(payload: Value) -> Value:
    return {name: payload[name] for name in ("connectorId", "transactionId") if name in payload}


def data_of(payload: Value) -> list[tuple[str, str, str]]:
    """(context, measurand, minute and second) of the transactionData of a StopTransaction."""
    return [
        (sampled["context"], sampled["measurand"], one["timestamp"][14:19])
        for one in payload.get("transactionData", [])
        for sampled in one["sampledValue"]
    ]


def test_16_CORE_82_16_CORE_88_16_CORE_90_16_CORE_91_samples_through_a_transaction(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            assert await change(csms, "MeterValueSampleInterval", "30") == "Accepted"
            lists = f"{ENERGY},Energy.Active.Import.Interval"
            assert await change(csms, "MeterValuesSampledData", lists) == "Accepted"
            await cabin.charging(2)
            await cabin.sleep(125)
            await cabin.swipe("04A2B3C4")
            await cabin.unplug(2)
            await cabin.delivered()
            start, stop = csms.of("StartTransaction")[0], csms.of("StopTransaction")[0]
            told = values(csms, 2, "Sample.Periodic")
            registers = [int(one["value"]) for one in told if one["measurand"] == ENERGY]
            assert len(registers) == 4
            assert registers == sorted(registers)
            assert registers[0] >= start.payload["meterStart"] >= 5_000, "not re-based to zero"
            assert registers[-1] <= stop.payload["meterStop"] == cabin.bay(2).energy_mwh // 1000
            intervals = [int(one["value"]) for one in told if one["measurand"] != ENERGY]
            ends = [start.payload["meterStart"], *registers]
            assert intervals == [after - before for before, after in zip(ends, registers, strict=False)]
            assert intervals[-1] > 0
            for one in told:  # 7.43: the defaults may be left out; what is said is right
                assert one["unit"] == "Wh"
                assert one["location"] == "Outlet"
                assert one["transactionId"] == 1
                assert one.get("format", "Raw") == "Raw"
            count = len(csms.of("MeterValues"))
            assert await change(csms, "MeterValueSampleInterval", "0") == "Accepted"
            await cabin.charging(2)
            await cabin.sleep(300)
            assert len(csms.of("MeterValues")) == count, "0 = none"

    run_virtual(main())


def test_16_CORE_83_16_CORE_84_16_CORE_85_16_CORE_86_clock_aligned_with_and_without_transaction(
    tmp_path: Path,
) -> None:
    """The simulated station has no main meter: nothing is told of connector 0."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await change(csms, "MeterValueSampleInterval", "0")
            assert await change(csms, "ClockAlignedDataInterval", "120") == "Accepted"
            await cabin.sleep(60)
            await cabin.charging(1)
            await cabin.sleep(220)
            await cabin.delivered()
            told = values(csms, context="Sample.Clock")
            assert {one["timestamp"][11:19] for one in told} == {"00:02:00", "00:04:00"}
            assert {one["connectorId"] for one in told} == {1, 2}
            assert {one.get("transactionId") for one in told if one["connectorId"] == 1} == {1}
            assert {one.get("transactionId") for one in told if one["connectorId"] == 2} == {None}
            assert await change(csms, "ClockAlignedDataInterval", "0") == "Accepted"
            count = len(csms.of("MeterValues"))
            await cabin.sleep(250)
            assert len(csms.of("MeterValues")) == count

    run_virtual(main())


@pytest.mark.parametrize("lists", ["both", "none"])
def test_16_CORE_95_16_CORE_57_16_CORE_58_transaction_data(tmp_path: Path, lists: str) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            both = lists == "both"
            await change(csms, "MeterValueSampleInterval", "120")
            await change(csms, "ClockAlignedDataInterval", "300")
            await change(csms, "MeterValuesSampledData", "")
            await change(csms, "MeterValuesAlignedData", "")
            assert await change(csms, "StopTxnAlignedData", "Voltage.L1-N" if both else "") == "Accepted"
            assert await change(csms, "StopTxnSampledData", ENERGY if both else "") == "Accepted"
            await cabin.sleep(60)
            await cabin.charging()
            await cabin.sleep(560)
            await cabin.swipe("04A2B3C4")
            await cabin.unplug()
            await cabin.delivered()
            (stop,) = csms.of("StopTransaction")
            assert csms.of("MeterValues") == [], "both lists for MeterValues are empty"
            if not both:
                assert "transactionData" not in stop.payload
                return
            told = data_of(stop.payload)
            assert [one[:2] for one in told] == [
                ("Transaction.Begin", ENERGY),
                ("Transaction.Begin", "Voltage"),
                ("Sample.Periodic", ENERGY),
                ("Sample.Clock", "Voltage"),
                ("Sample.Periodic", ENERGY),
                ("Sample.Periodic", ENERGY),
                ("Sample.Periodic", ENERGY),
                ("Sample.Clock", "Voltage"),
                ("Transaction.End", ENERGY),
                ("Transaction.End", "Voltage"),
            ]
            assert [one[2] for one in told if one[0] == "Sample.Clock"] == ["05:00", "10:00"]
            phases = {
                sampled.get("phase")
                for one in stop.payload["transactionData"]
                for sampled in one["sampledValue"]
            }
            assert phases == {None, "L1-N"}

    run_virtual(main())


LISTS = ("MeterValuesSampledData", "MeterValuesAlignedData", "StopTxnSampledData", "StopTxnAlignedData")


@pytest.mark.parametrize("key", LISTS)
def test_16_CORE_93_16_CORE_94_16_CORE_96_lists_of_measurands(tmp_path: Path, key: str) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            good = f"Voltage.L1-N,{ENERGY},Current.Import.L1"
            assert await change(csms, key, good) == "Accepted"
            most = int(await value_of(csms, f"{key}MaxLength"))
            every = [
                *Measurand,
                *(f"Voltage.L{n}-N" for n in (1, 2, 3)),
                *(f"Voltage.L{n}" for n in (1, 2, 3)),
            ]
            every += [f"Current.Import.L{n}" for n in (1, 2, 3)]
            for bad in (
                f"{ENERGY},SoC",  # in the standard, not measured here
                f"{ENERGY},Energy.Reactive.Import.Register",
                "Volts",
                "Voltage.L9",
                "Voltage.L1-L2",
                f"{ENERGY}.L1",
                f"{ENERGY},{ENERGY}",
                ",".join(every[: most + 1]),
            ):
                assert await change(csms, key, bad) == "Rejected", bad
                assert await value_of(csms, key) == good, "nothing changed"
            assert await change(csms, key, ",".join(every[:most])) in ("Accepted", "Rejected")
            assert await change(csms, key, "") == "Accepted"
            assert cabin.status is None, "and it never restarts for it"
            assert len(csms.of("BootNotification")) == 1
            assert await change(csms, key, good) == "Accepted"
            await cabin.restart()
            await cabin.online()
            assert await value_of(csms, key) == good

    run_virtual(main())


def test_16_CORE_94_16_CORE_97_phases_are_named_from_the_meter(tmp_path: Path) -> None:
    """The wiring between grid, meter and connector is told by ConnectorPhaseRotation, not by other names."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await change(csms, "MeterValuesSampledData", "Voltage.L2,Current.Import")
            assert await change(csms, "ConnectorPhaseRotation", "0.RST,1.RTS") == "Accepted"
            await cabin.charging()
            await cabin.sleep(65)
            told = [(one["measurand"], one["phase"]) for one in values(csms)]
            assert told == [
                ("Voltage", "L2-N"),
                ("Current.Import", "L1"),
                ("Current.Import", "L2"),
                ("Current.Import", "L3"),
            ]
            assert await value_of(csms, "ConnectorPhaseRotation") == "0.RST,1.RTS"

    run_virtual(main())


def test_16_CORE_87_16_CORE_92_everything_that_is_measured_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            assert await change(csms, "MeterValuesSampledData", ",".join(Measurand)) == "Accepted"
            await cabin.charging()
            await cabin.sleep(65)
            told = {(one["measurand"], one.get("phase")): one for one in values(csms)}
            for line in ("L1", "L2", "L3"):
                assert told["Voltage", f"{line}-N"]["unit"] == "V"
                assert told["Current.Import", line]["value"] == "16"
            assert "unit" not in told["Frequency", None]
            assert told["Power.Offered", None]["value"] == "22080"
            assert told["Current.Offered", None]["value"] == "32"
            assert told["Power.Active.Import", None]["value"] == "11040"
            assert told["Power.Active.Export", None]["value"] == "0"

    run_virtual(main())


def test_16_CORE_89_context_of_an_interruption(tmp_path: Path) -> None:
    """A fault takes the power from a vehicle that charges; it charges again when the fault has gone."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await change(csms, "MeterValuesSampledData", ENERGY)
            await cabin.charging()
            await cabin.sleep(10)
            cabin.bay().inhibits = (("enclosure-open", cabin.clock.now().mono_ms),)
            await cabin.sleep(20)
            cabin.bay().inhibits = ()
            await cabin.sleep(10)
            contexts = [one["context"] for one in values(csms)]
            assert contexts == ["Interruption.Begin", "Interruption.End"]
            begin, end = values(csms)
            assert begin["transactionId"] == end["transactionId"] == 1
            assert 0 <= int(end["value"]) - int(begin["value"]) <= 3, "a second of charging at most"
            await change(csms, "MeterValueSampleInterval", "0")
            cabin.bay().takes = False  # a pause of the vehicle is no interruption
            await cabin.sleep(10)
            cabin.bay().takes = True
            await cabin.sleep(10)
            assert len(values(csms)) == 2

    run_virtual(main())


def test_16_TRIG_05_16_CORE_89_triggered_values(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await change(csms, "MeterValuesSampledData", f"{ENERGY},Voltage.L3")
            await cabin.charging(2)
            await cabin.delivered()
            ask = {"requestedMessage": "MeterValues"}
            assert await csms.call("TriggerMessage", ask | {"connectorId": 2}) == {"status": "Accepted"}
            await csms.wait("MeterValues", 1, 10)
            told = values(csms)
            assert {one["context"] for one in told} == {"Trigger"}
            assert [(one["measurand"], one.get("phase")) for one in told] == [
                (ENERGY, None),
                ("Voltage", "L3-N"),
            ]
            assert {(one["connectorId"], one["transactionId"]) for one in told} == {(2, 1)}
            assert (
                cabin.bay(2).energy_mwh // 1000 - 3
                <= int(told[0]["value"])
                <= cabin.bay(2).energy_mwh // 1000
            )
            assert await csms.call("TriggerMessage", ask) == {"status": "Accepted"}
            await csms.wait("MeterValues", 3, 10)
            assert [one.payload["connectorId"] for one in csms.of("MeterValues")[1:]] == [1, 2]
            assert "transactionId" not in csms.of("MeterValues")[1].payload
            for nothing in (0, 3):  # no main meter, no such connector
                answer = await csms.call("TriggerMessage", ask | {"connectorId": nothing})
                assert answer == {"status": "Rejected"}
            await change(csms, "MeterValuesSampledData", "")
            assert await csms.call("TriggerMessage", ask) == {"status": "Rejected"}, (
                "there is nothing to tell"
            )
            await cabin.sleep(5)
            assert len(csms.of("MeterValues")) == 3

    run_virtual(main())


def test_16_CORE_98_values_that_are_not_answered_are_sent_again(tmp_path: Path) -> None:
    async def main() -> None:
        settings: dict[str, str | int | bool] = {
            "TransactionMessageAttempts": 3,
            "TransactionMessageRetryInterval": 10,
        }
        async with (
            FakeCsms("ocpp1.6") as csms,
            Cabin.build(tmp_path, csms, settings=settings) as cabin,
        ):
            await cabin.online()
            csms.script("MeterValues", never(), error("InternalError"))
            await cabin.charging()
            await cabin.sleep(65)
            await csms.wait("MeterValues", 3, 300)
            await cabin.delivered()
            first, second, third = csms.of("MeterValues")[:3]
            assert first.payload == second.payload == third.payload
            assert first.id == second.id == third.id
            assert third.at_s - second.at_s >= 20, "interval x number of tries"

    run_virtual(main())


def test_16_CORE_85_16_CORE_86_16_CORE_87_connector_0_is_the_main_meter(tmp_path: Path) -> None:
    async def main() -> None:
        board = load_profile("simulated", 2)
        board = replace(board, main_meter=board.evses[0].meter)
        async with (
            FakeCsms("ocpp1.6") as csms,
            Cabin.build(tmp_path, csms, evses=2, profile=board) as cabin,
        ):
            await cabin.online()
            await change(csms, "MeterValueSampleInterval", "30")
            await change(csms, "ClockAlignedDataInterval", "120")
            lists = f"{ENERGY},Current.Import,Current.Offered"
            assert await change(csms, "MeterValuesSampledData", lists) == "Accepted"
            await cabin.sleep(40)
            assert values(csms, 0) == [], "nothing is sampled while nothing runs"
            await cabin.charging(1, "04000001")
            await cabin.charging(2, "04000002")
            await cabin.sleep(100)
            await cabin.delivered()
            sampled = values(csms, 0, "Sample.Periodic")
            assert {(one["measurand"], one.get("phase")) for one in sampled} == {
                (ENERGY, None),
                *(("Current.Import", line) for line in ("L1", "L2", "L3")),
            }
            assert {one["location"] for one in sampled} == {"Inlet"}
            assert not [one for one in sampled if "transactionId" in one]
            assert {one["value"] for one in sampled if one["measurand"] != ENERGY} == {"32"}
            registers = [int(one["value"]) for one in sampled if one["measurand"] == ENERGY]
            assert registers == sorted(registers) and registers[0] >= MAIN_BEFORE_WH + 10_000
            (aligned,) = values(csms, 0, "Sample.Clock")
            assert aligned["timestamp"][11:19] == "00:02:00"
            assert {one["location"] for one in values(csms, 1)} == {"Outlet"}
            csms.received.clear()
            ask = {"requestedMessage": "MeterValues", "connectorId": 0}
            assert await csms.call("TriggerMessage", ask) == {"status": "Accepted"}
            await csms.wait("MeterValues", 1, 10)
            assert {(one["connectorId"], one["context"]) for one in values(csms)} == {(0, "Trigger")}
            del ask["connectorId"]
            csms.received.clear()
            assert await csms.call("TriggerMessage", ask) == {"status": "Accepted"}
            await csms.wait("MeterValues", 3, 10)
            triggered = values(csms, context="Trigger")
            assert {one["connectorId"] for one in triggered} == {0, 1, 2}

    run_virtual(main())
