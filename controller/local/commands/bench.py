"""``joulepost bench``: serve the simulated world, and act in the one that runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from controller.local import exits
from controller.local.common import (
    Remote,
    amps,
    answer,
    home_option,
    json_option,
    pairs,
    print_json,
    table,
    where_options,
)
from controller.local.sockets import PathTooLong
from controller.local.tree import SuggestingGroup


@click.group(cls=SuggestingGroup, epilog="Example: joulepost bench plug 1")
def bench() -> None:
    """Serve and operate the simulated world: vehicle, card, faults.

    Every command returns when the world has changed.
    """


@bench.command(epilog="Example: joulepost bench serve --dir my-station --evses 2 --speed 60")
@home_option
@click.option("--board", default="simulated", show_default=True, help="Board profile: a name or a file.")
@click.option("--evses", type=click.IntRange(1, 99), default=1, show_default=True, help="Number of EVSEs.")
@click.option("--speed", type=float, default=1.0, show_default=True, help="Energy flows this much faster.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of all noise.")
def serve(directory: str | Path, board: str, evses: int, speed: float, seed: int) -> None:
    """Serve the world: fake devices in DIR/root, orders on DIR/run/bench.sock."""
    import asyncio

    from controller.bench.server import BenchError, run_bench
    from controller.local.jsonrpc import AlreadyServed

    try:
        asyncio.run(run_bench(Path(directory), board, evses, speed, seed, click.echo))
    except (BenchError, AlreadyServed, PathTooLong, OSError) as exc:
        raise exits.Exit(exits.FAILED, str(exc)) from exc


evse_argument = click.argument("evse", type=click.IntRange(min=1), default=1)
evse_option = click.option(
    "--evse", type=click.IntRange(min=1), default=1, show_default=True, help="At this EVSE."
)


@bench.command(epilog="Example: joulepost bench plug 1 --set max_ma=10000 --set phases=1")
@evse_argument
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the vehicle first.")
@where_options
@json_option
def plug(
    evse: int, changes: tuple[str, ...], directory: Path | None, runtime: Path | None, as_json: bool
) -> None:
    """Plug the vehicle in at EVSE (default 1)."""
    params = {"evse": evse, "settings": pairs(changes)}
    found = Remote("bench", directory, runtime).call("plug", params)
    answer(found, as_json, f"EVSE {evse}: plugged in")


@bench.command(epilog="Example: joulepost bench unplug 1")
@evse_argument
@click.option("--force", is_flag=True, help="Also when the plug is locked.")
@where_options
@json_option
def unplug(evse: int, force: bool, directory: Path | None, runtime: Path | None, as_json: bool) -> None:
    """Pull the plug at EVSE (default 1)."""
    found = Remote("bench", directory, runtime).call("unplug", {"evse": evse, "force": force})
    answer(found, as_json, f"EVSE {evse}: unplugged")


@bench.command(epilog="Example: joulepost bench swipe 04A1B2C3D4")
@click.argument("token")
@click.option(
    "--reader", type=click.IntRange(min=0), default=0, show_default=True, help="Reader, the first is 0."
)
@where_options
@json_option
def swipe(token: str, reader: int, directory: Path | None, runtime: Path | None, as_json: bool) -> None:
    """Hold the card TOKEN (hex) to a reader."""
    found = Remote("bench", directory, runtime).call("swipe", {"uid": token, "reader": reader})
    answer(found, as_json, f"reader {reader}: {token.upper()} presented")


@bench.command(epilog="Example: joulepost bench vehicle wants_charge=false")
@click.argument("changes", nargs=-1, metavar="KEY=VALUE...")
@evse_option
@where_options
@json_option
def vehicle(
    changes: tuple[str, ...], evse: int, directory: Path | None, runtime: Path | None, as_json: bool
) -> None:
    """Change the vehicle at an EVSE; without KEY=VALUE show it."""
    remote = Remote("bench", directory, runtime)
    found = remote.call("vehicle", {"evse": evse, "settings": pairs(changes)})
    if as_json:
        print_json(found)
    else:
        click.echo(table([(name, _plain(value)) for name, value in found.items()]))


@bench.command(epilog="Example: joulepost bench ambient 55 --evse 1")
@click.argument("degrees", type=click.IntRange(-60, 150))
@click.option("--evse", type=click.IntRange(min=1), help="Around this EVSE only.")
@where_options
@json_option
def ambient(
    degrees: int, evse: int | None, directory: Path | None, runtime: Path | None, as_json: bool
) -> None:
    """Set the temperature of the air to DEGREES Celsius; sensors and current do the rest."""
    params = {"mdeg_c": degrees * 1000, "evse": evse}
    found = Remote("bench", directory, runtime).call("ambient", params)
    answer(found, as_json, f"{'all EVSEs' if evse is None else f'EVSE {evse}'}: {degrees} degrees C around")


@bench.group(cls=SuggestingGroup, epilog="Example: joulepost bench fault set diode_missing --evse 1")
def fault() -> None:
    """Break and repair parts of the world."""


@fault.command("set", epilog="Example: joulepost bench fault set contactor_welded")
@click.argument("name")
@evse_option
@where_options
@json_option
def set_fault(name: str, evse: int, directory: Path | None, runtime: Path | None, as_json: bool) -> None:
    """Let the fault NAME happen (`joulepost bench fault list` names them)."""
    found = Remote("bench", directory, runtime).call("fault.set", {"name": name, "evse": evse})
    answer(found, as_json, _active(found))


@fault.command("clear", epilog="Example: joulepost bench fault clear contactor_welded")
@click.argument("name", required=False)
@evse_option
@where_options
@json_option
def clear_fault(
    name: str | None, evse: int, directory: Path | None, runtime: Path | None, as_json: bool
) -> None:
    """Repair the fault NAME, or everything."""
    found = Remote("bench", directory, runtime).call("fault.clear", {"name": name, "evse": evse})
    answer(found, as_json, _active(found))


@fault.command("list", epilog="Example: joulepost bench fault list")
@where_options
@json_option
def list_faults(directory: Path | None, runtime: Path | None, as_json: bool) -> None:
    """List all faults, and which are active."""
    found = Remote("bench", directory, runtime).call("fault.list")
    if as_json:
        print_json(found)
        return
    click.echo(
        table(
            [
                (
                    "*" if row["active"] else "",
                    row["name"],
                    row["part"],
                    ", ".join("station" if evse == 0 else f"EVSE {evse}" for evse in row["active"]) or "-",
                    row["description"],
                )
                for row in found
            ]
        )
    )


@bench.command("status", epilog="Example: joulepost bench status --json")
@where_options
@json_option
def show_status(directory: Path | None, runtime: Path | None, as_json: bool) -> None:
    """Show volts, contacts and currents of the world."""
    found = Remote("bench", directory, runtime).call("status")
    if as_json:
        print_json(found)
        return
    cells = [("EVSE", "vehicle", "pilot", "duty", "contacts", "current", "power", "meter")]
    for evse in found["evses"]:
        wire = evse["wire"]
        cells.append(
            (
                str(evse["evse_id"]),
                "plugged" if evse["plugged"] else "-",
                f"{wire['high_mv'] / 1000:+.1f}/{wire['low_mv'] / 1000:+.1f} V",
                f"{wire['duty_pm'] / 10:.1f} %",
                "closed" if evse["contacts_closed"] else "open",
                amps(max(evse["current_ma"])),
                f"{evse['power_w'] / 1000:.2f} kW",
                f"{evse['energy_uwh'] / 1e9:.3f} kWh",
            )
        )
    click.echo(table(cells))
    for one in found["faults"]:
        click.echo(f"fault: {one['name']}" + (f" at EVSE {one['evse_id']}" if one["evse_id"] else ""))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _active(found: Mapping[str, Any]) -> str:
    names = [f"{one['name']} ({one['evse_id'] or 'station'})" for one in found["active"]]
    return "active: " + (", ".join(names) or "none")
