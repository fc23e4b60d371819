"""``joulepost run``: a whole station on a desk, supervised."""

from __future__ import annotations

from pathlib import Path

import click

from controller.local import exits
from controller.local.common import home_option


@click.command(epilog="Example: joulepost run --dir my-station")
@home_option
@click.option(
    "--bench/--no-bench",
    default=None,
    help="Serve the simulated world too (default: when the board is simulated).",
)
@click.option(
    "--speed", type=float, default=1.0, show_default=True, help="Energy flows this much faster (bench)."
)
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A setting for this start only.")
def run(directory: str | Path, bench: bool | None, speed: float, pairs: tuple[str, ...]) -> None:
    """Run safety and controller together, supervised (for desks).

    A process that crashes is started again with a back-off; Ctrl-C stops all; none outlives this command.
    A DIR without station.toml gets one for a simulated station that calls a CSMS at ws://127.0.0.1:9000/.
    """
    import asyncio

    from controller.bench.supervisor import Program, supervise
    from controller.config import ConfigError, desk_config, load_config
    from controller.local.children import joulepost
    from controller.local.commands.controller import overrides
    from controller.local.sockets import PathTooLong, check_length, socket_path
    from hal.profile import ProfileError, load_profile

    overrides(pairs)
    home = Path(directory).absolute()
    path = home / "station.toml"
    try:
        if not path.exists():
            home.mkdir(parents=True, exist_ok=True)
            path.write_text(desk_config(home))
            click.echo(f"{path}: written, for a simulated station; edit it to change the CSMS")
        found = load_config(path)
        profile = load_profile(found.board.profile, found.board.evses)
        check_length(socket_path(found.runtime_dir, "controller"))
    except (ConfigError, ProfileError, PathTooLong) as exc:
        raise exits.Exit(exits.CONFIGURATION, str(exc)) from exc
    except OSError as exc:
        raise exits.Exit(exits.FAILED, f"{path}: cannot be written: {exc.strerror}") from exc
    board = str(found.board.profile)
    count = [] if found.board.evses is None else ["--evses", str(found.board.evses)]
    programs = []
    if bench if bench is not None else profile.driver == "simulated":
        world = ["--dir", str(home), "--board", board, *count, "--speed", str(speed)]
        # A socket left by a killed bench would be taken for a new one.
        board_socket = found.board.root / "run" / "board.sock"
        board_socket.unlink(missing_ok=True)
        programs.append(Program("bench", tuple(joulepost("bench", "serve", *world)), board_socket))
    safety = ["--board", board, "--root", str(found.board.root), "--runtime", str(found.runtime_dir), *count]
    programs.append(Program("safety", tuple(joulepost("safety", *safety))))
    settings = [word for pair in pairs for word in ("--set", pair)]
    programs.append(Program("controller", tuple(joulepost("controller", "--config", str(path), *settings))))
    raise click.exceptions.Exit(asyncio.run(supervise(programs, click.echo)))
