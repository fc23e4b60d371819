"""``joulepost status``: the station at one glance."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from controller.local.common import Remote, amps, echo, json_option, print_json, table, where_options


@click.command(epilog="Example: joulepost status --json | jq '.evses[0].status'")
@where_options
@json_option
def status(directory: Path | None, runtime: Path | None, as_json: bool) -> None:
    """Show the station, its EVSEs and its connections."""
    found = Remote("controller", directory, runtime).call("status")
    if as_json:
        print_json(found)
    else:
        echo(render(found))


def render(station: Mapping[str, Any]) -> str:
    """The whole status as text; what the controller does not tell is shown as "-"."""
    csms = station.get("csms") or {}
    safety = station.get("safety") or {}
    rows = [
        ("station", str(station.get("identity", "-"))),
        ("version", f"{station.get('version', '-')}, up {_span(station.get('uptime_s'))}"),
        ("CSMS", _csms(csms)),
        *([("security", _security(csms))] if "security_profile" in csms else []),
        ("safety", "linked" if safety.get("linked") else f"NOT LINKED: {safety.get('why') or 'no reports'}"),
        ("journal", f"{station.get('journal_seq', '-')} entries, {csms.get('undelivered', '-')} undelivered"),
    ]
    expires_at_ms = station.get("certificate_expires_at_ms")
    if expires_at_ms is not None:
        rows.append(
            ("certificate", f"until {datetime.fromtimestamp(expires_at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC")
        )
    firmware = station.get("firmware")
    if firmware is not None:
        since = f"{datetime.fromtimestamp(firmware['since_ms'] / 1000, UTC):%Y-%m-%d %H:%M} UTC"
        info = f": {firmware['info']}" if firmware["info"] else ""
        rows.append(("firmware", f"{firmware['status']} since {since}{info}"))
    head = ("EVSE", "status", "pilot", "contactor", "limit", "offered", "current", "power", "energy", "token")
    lines = [head, *(evse_row(evse) for evse in station.get("evses", []))]
    faults = [
        f"EVSE {evse.get('evse_id')}: {evse['fault']}  (see `joulepost why`)"
        for evse in station.get("evses", [])
        if evse.get("fault")
    ]
    faults += [
        f"EVSE {evse.get('evse_id')}: warning {evse['warning']}  (see `joulepost faults`)"
        for evse in station.get("evses", [])
        if evse.get("warning")
    ]
    reserved = [
        f"EVSE {evse.get('evse_id')}: reserved for {evse.get('reserved_for')} until "
        + time.strftime("%F %H:%M:%S", time.localtime(evse["reserved_until_ms"] / 1000))
        for evse in station.get("evses", [])
        if evse.get("reserved_until_ms")
    ]
    leaving = [
        f"EVSE {evse.get('evse_id')}: unavailable as soon as its transaction is over and its vehicle gone"
        for evse in station.get("evses", [])
        if evse.get("scheduled_operative") is False
    ]
    return "\n".join([table(rows), "", table(lines), *reserved, *leaving, *faults])


def evse_row(evse: Mapping[str, Any]) -> tuple[str, ...]:
    """One line of the table of EVSEs."""
    currents = [current for current in evse.get("current_ma") or () if current is not None]
    power, energy = evse.get("power_w"), evse.get("energy_wh")
    return (
        str(evse.get("evse_id", "-")),
        str(evse.get("status", "-")),
        f"{evse.get('pilot', '-')} {evse.get('high_mv', 0) / 1000:+.1f} V",
        "closed" if evse.get("contactor_closed") else "open",
        amps(evse.get("limit_ma")),
        amps(evse.get("offered_ma")),
        amps(max(currents) if currents else None),
        "-" if power is None else f"{power / 1000:.2f} kW",
        "-" if energy is None else f"{energy / 1000:.3f} kWh",
        str(evse.get("token") or "-"),
    )


def _csms(csms: Mapping[str, Any]) -> str:
    if csms.get("online"):
        return f"online with {csms.get('protocol')} at {csms.get('url')}"
    if csms.get("protocol"):
        return (
            f"connected with {csms['protocol']} at {csms.get('url')}, but BootNotification is not accepted: "
            f"registration {csms.get('registration')}"
        )
    return f"OFFLINE, registration {csms.get('registration', '-')}, {csms.get('url', '-')}"


_PROFILES = ("no password", "password", "TLS and password", "TLS with client certificate")


def _security(csms: Mapping[str, Any]) -> str:
    profile, note = csms["security_profile"], csms.get("security_note")
    known = f" ({_PROFILES[profile]})" if profile in range(len(_PROFILES)) else ""
    return f"profile {profile}{known}" + (f"; {note}" if note else "")


def _span(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    days, rest = divmod(int(seconds), 86400)
    return f"{days} d {rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
