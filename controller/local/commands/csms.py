"""``joulepost csms``: serve a CSMS for the desk, and send orders through the one that runs."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import click

from controller.local import exits
from controller.local.common import (
    Remote,
    answer,
    echo,
    home_option,
    json_option,
    print_json,
    table,
    where_options,
)
from controller.local.sockets import PathTooLong, socket_path
from controller.local.tree import DefaultGroup

PROTOCOL_CHOICES = ("1.6", "2.0.1", "2.1")


@click.group(cls=DefaultGroup, epilog="Example: joulepost csms --port 9000 --ocpp 1.6")
def csms() -> None:
    """Serve a CSMS for the desk, and send orders through it.

    Without a command it serves (as `joulepost csms serve`).
    """


@csms.command(epilog="Example: joulepost csms serve --dir my-station --port 9000 --password secret")
@home_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=9000, show_default=True, help="0 = any free one."
)
@click.option(
    "--ocpp",
    "versions",
    multiple=True,
    type=click.Choice(PROTOCOL_CHOICES),
    help="Accept only this version (may be repeated; the first is preferred). Default: all, newest first.",
)
@click.option("--password", help="Ask for Basic authentication with this password and the identity as user.")
@click.option("--cert", type=click.Path(path_type=Path), help="PEM certificate (chain): serve wss.")
@click.option("--key", type=click.Path(path_type=Path), help="PEM private key, if not in the same file.")
@click.option("--secure", is_flag=True, help="Serve wss, with a throw-away CA in DIR/desk-ca.")
def serve(
    directory: str | Path,
    host: str,
    port: int,
    versions: tuple[str, ...],
    password: str | None,
    cert: Path | None,
    key: Path | None,
    secure: bool,
) -> None:
    """Accept stations, show every frame in one line, take orders.

    Any identity may connect at ws://HOST:PORT/ocpp/IDENTITY. Orders are typed in (`help` lists them) or sent
    with `joulepost csms send`. The throw-away CA in DIR/desk-ca signs what stations ask for, and firmware;
    with --secure a station that shows such a certificate needs no password.
    """
    import asyncio
    import logging

    from controller.bench.csms import CsmsError, CsmsOptions, run_csms
    from controller.bench.csms_ca import DeskCa
    from controller.local.jsonrpc import AlreadyServed

    logging.basicConfig(level=logging.INFO, format="# %(message)s")
    logging.getLogger("websockets").setLevel(logging.ERROR)
    chosen = tuple(f"ocpp{version}" for version in versions or PROTOCOL_CHOICES[::-1])
    if secure and cert is not None:
        raise click.UsageError("--secure makes its own certificate: leave out --cert or --secure")
    options = CsmsOptions(
        host=host,
        port=port,
        protocols=chosen,
        password=password,
        cert=cert,
        key=key,
        ca=DeskCa(Path(directory) / "desk-ca", host),
        secure=secure,
    )
    control = socket_path(Path(directory) / "run", "csms")
    try:
        asyncio.run(run_csms(options, control, click.echo))
    except (CsmsError, AlreadyServed, PathTooLong, OSError) as exc:
        raise exits.Exit(exits.FAILED, str(exc)) from exc


@csms.command(
    context_settings={"ignore_unknown_options": True},
    epilog="Example: joulepost csms send remote-start 04A1B2C3D4 --evse 1",
)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--id", "identity", help="The station, when several are connected.")
@where_options
@json_option
def send(
    words: tuple[str, ...], identity: str | None, directory: Path | None, runtime: Path | None, as_json: bool
) -> None:
    """Send an order to the station, print its answer.

    WORDS are an order as typed into the CSMS; `joulepost csms send help` lists them. Status 5 when the
    station says no.
    """
    remote = Remote("csms", directory, runtime, timeout_s=45)
    found = remote.call("send", {"words": list(words), "identity": identity})
    if as_json:
        print_json(found)
    elif words[0] == "help":
        click.echo(found["answer"]["help"])
    else:
        text = json.dumps(found["answer"], ensure_ascii=False)
        answer(found, False, f"{'accepted' if found['accepted'] else 'refused'}: {found['action']} {text}")
    if not found["accepted"]:
        raise click.exceptions.Exit(exits.REFUSED)


@csms.command("status", epilog="Example: joulepost csms status --json | jq '.stations[].transactions'")
@where_options
@json_option
def show_status(directory: Path | None, runtime: Path | None, as_json: bool) -> None:
    """Show the stations that connected, their transactions, and where what they uploaded can be fetched."""
    found = Remote("csms", directory, runtime).call("status")
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['url']}")
    for station in found["stations"]:
        state = "connected" if station["connected"] else "gone"
        evses = ", ".join(f"{evse_id}: {status}" for evse_id, status in station["evses"].items())
        echo(f"{station['identity']}  {station['protocol']}  {state}  {evses}")
        cells = [
            (
                one["id"],
                f"EVSE {one['evse_id']}",
                one["token"] or "-",
                one["started_at"],
                one["stopped_reason"] or "runs",
                "-" if one["energy_wh"] is None else f"{one['energy_wh']} Wh",
            )
            for one in station["transactions"]
        ]
        if cells:
            echo(table(cells, "  "))
        for violation in station["violations"]:
            echo(f"  ! {violation}")
    for name, size in found["uploads"].items():
        echo(f"upload {found['files']}/uploads/{quote(name)}  {size} bytes")


@csms.command(epilog="Example: joulepost csms frames --follow")
@click.option("--after", type=click.IntRange(min=0), default=0, help="Frames above this number.")
@click.option("--follow", "-f", is_flag=True, help="Go on with new frames.")
@where_options
@json_option
def frames(after: int, follow: bool, directory: Path | None, runtime: Path | None, as_json: bool) -> None:
    """Show the frames of the desk CSMS."""
    remote = Remote("csms", directory, runtime)
    found = remote.call("frames", {"after": after, "limit": 1000})
    if as_json and not follow:
        print_json(found)
        return
    last = after
    for frame in found:
        _show(frame, as_json)
        last = frame["seq"]
    if follow:
        for frame in remote.stream("frames"):
            if frame["seq"] > last:
                _show(frame, as_json)


def _show(frame: dict[str, object], as_json: bool) -> None:
    if as_json:
        echo(json.dumps(frame, ensure_ascii=False))
    else:
        echo(f"{str(frame['at'])[11:23]} {frame['identity']} {frame['line']}")
