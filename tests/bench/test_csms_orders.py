import asyncio
import json
from pathlib import Path
from typing import Any

import ocpp.messages
import pytest

from controller.bench import csms_orders
from controller.bench.csms_book import StationRecord, TransactionRecord
from controller.bench.csms_orders import OcppOrder, OrderError, OwnOrder, accepted, parse, split

NOW = "2026-01-02T03:04:05.000Z"

ORDERS = [
    "remote-start 04A1B2C3D4",
    "remote-start 04A1B2C3D4 --evse 2",
    "remote-stop",
    "remote-stop 41",
    "set-limit 10",
    "set-limit 9.5 --evse 1 --seconds 60",
    "set-limit 8 --evse 1 --purpose tx",
    "clear-limit",
    "clear-limit --evse 1",
    "reset",
    "reset immediate",
    "get HeartbeatInterval",
    "get",
    "set HeartbeatInterval 60",
    "trigger StatusNotification --evse 1",
    "trigger Heartbeat",
    "unlock",
    "unlock 2",
    "availability inoperative",
    "availability operative --evse 1",
    "clear-cache",
    "data-transfer org.example --message-id m --data d",
    "reserve 04A1B2C3D4",
    "reserve 04A1B2C3D4 --evse 1 --minutes 5 --reservation 7",
    "cancel-reservation 7",
    "send-list 04A1B2C3D4 CARD2 --version 3",
    "send-list --version 4",
    "list-version",
    "composite",
    "composite 86400 --evse 1 --unit W",
    "update-firmware 1.2.3",
    "update-firmware --url ftp://127.0.0.1/image",
    "get-log",
    "get-log security --request 9",
    "certificates",
    "certificates manufacturer",
]


def station(protocol: str, *transactions: str) -> StationRecord:
    record = StationRecord("CP-1", protocol)
    for number in transactions:
        record.transactions[number] = TransactionRecord(number, 1, "T", NOW)
    return record


@pytest.mark.parametrize("protocol", ["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize("line", ORDERS)
def test_every_order_makes_a_request_that_fits_its_schema(protocol: str, line: str) -> None:
    words = split(
        line.replace("HeartbeatInterval", "OCPPCommCtrlr.HeartbeatInterval") if protocol != "1.6" else line
    )
    order = parse(words, station(f"ocpp{protocol}", "41"), NOW, "http://127.0.0.1:8080")
    assert isinstance(order, OcppOrder)
    call = ocpp.messages.Call("1", order.action, order.payload)
    asyncio.run(ocpp.messages.validate_payload(call, protocol))


def test_words_of_the_grammar_only() -> None:
    for line, text in [
        ("", "try `help`"),
        ("remote-strat X", "remote-strat"),
        ("xyzzy", "no order 'xyzzy'"),
        ("remote-start", "token"),
        ("set-limit ten", "ten"),
        ("availability broken", "broken"),
        ("raw Reset {", "not JSON"),
        ("raw Reset []", "JSON object"),
        ("remote-stop x", "integer"),
    ]:
        with pytest.raises(OrderError, match=text):
            parse(split(line), station("ocpp1.6"), NOW)
    with pytest.raises(OrderError, match="quote"):
        split("set x 'y")
    with pytest.raises(OrderError, match=r"Component\.Variable"):
        parse(["get", "HeartbeatInterval"], station("ocpp2.0.1"), NOW)


def test_remote_stop_without_an_id_needs_exactly_one_transaction() -> None:
    with pytest.raises(OrderError, match="running: none"):
        parse(["remote-stop"], station("ocpp1.6"), NOW)
    with pytest.raises(OrderError, match="running: 1, 2"):
        parse(["remote-stop"], station("ocpp1.6", "1", "2"), NOW)
    assert parse(["remote-stop"], station("ocpp1.6", "7"), NOW) == OcppOrder(
        "RemoteStopTransaction", {"transactionId": 7}
    )


def test_a_limit_without_an_evse_is_the_stations_and_with_one_the_default_profile() -> None:
    whole: Any = parse(["set-limit", "10"], station("ocpp1.6"), NOW)
    assert whole.payload["connectorId"] == 0
    assert whole.payload["csChargingProfiles"]["chargingProfilePurpose"] == "ChargePointMaxProfile"
    one: Any = parse(["set-limit", "10", "--evse", "1"], station("ocpp2.0.1"), NOW)
    assert one.payload["evseId"] == 1
    assert one.payload["chargingProfile"]["chargingProfilePurpose"] == "TxDefaultProfile"


def test_a_reservation_ends_so_many_minutes_from_now() -> None:
    order: Any = parse(["reserve", "T", "--minutes", "90"], station("ocpp1.6"), NOW)
    assert order.payload["expiryDate"] == "2026-01-02T04:34:05.000Z"


def test_files_come_from_the_csms_unless_another_place_is_named() -> None:
    order: Any = parse(["update-firmware", "1.2"], station("ocpp1.6"), NOW, "http://h:1")
    assert order.payload["location"] == "http://h:1/firmware/1.2"
    order = parse(["get-log"], station("ocpp1.6"), NOW, "http://h:1")
    assert order.payload["location"] == "http://h:1/uploads/"
    with pytest.raises(OrderError, match="--url"):
        parse(["get-log"], station("ocpp1.6"), NOW)


def test_a_certificate_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    order: Any = parse(["install-certificate", str(tmp_path / "root.pem")], station("ocpp1.6"), NOW)
    assert order.payload["certificate"].startswith("-----BEGIN")
    with pytest.raises(OrderError, match=r"none\.pem"):
        parse(["install-certificate", str(tmp_path / "none.pem")], station("ocpp1.6"), NOW)


def test_orders_to_the_csms_itself() -> None:
    assert parse(["block", "04A1"], station("ocpp1.6"), NOW) == OwnOrder("block", "04A1")
    assert parse(["drop"], station("ocpp1.6"), NOW) == OwnOrder("drop")
    assert parse(["help"], station("ocpp1.6"), NOW) == OwnOrder("help")


def test_raw_sends_what_is_typed() -> None:
    assert parse(split("""raw Reset '{"type": "Hard"}'"""), station("ocpp1.6"), NOW) == OcppOrder(
        "Reset", {"type": "Hard"}, checked=False
    )


def test_help_has_a_line_for_every_order() -> None:
    text = csms_orders.help_text()
    for line in ORDERS:
        assert f"\n{line.split()[0]} " in f"\n{text}".replace("\n", "\n"), line


@pytest.mark.parametrize(
    ("action", "answer", "yes"),
    [
        ("Reset", {"status": "Accepted"}, True),
        ("Reset", {"status": "Rejected"}, False),
        ("UnlockConnector", {"status": "Unlocked"}, True),
        ("GetConfiguration", {"configurationKey": []}, True),
        ("GetConfiguration", {"unknownKey": ["x"]}, False),
        ("GetVariables", {"getVariableResult": [{"attributeStatus": "Accepted"}]}, True),
        ("SetVariables", {"setVariableResult": [{"attributeStatus": "UnknownVariable"}]}, False),
        ("DataTransfer", {"status": "UnknownVendorId"}, False),
        ("X", {}, True),
    ],
)
def test_what_counts_as_yes(action: str, answer: dict[str, Any], yes: bool) -> None:
    assert accepted(action, json.loads(json.dumps(answer))) is yes
