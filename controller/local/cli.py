"""The entry point of ``joulepost``: from arguments to an exit status.

Owns: handing ``joulepost safety`` to its own program before anything else is imported, and turning every
foreseen error into one line and a documented status.
Refuses to know: the commands (``tree``).
"""

from __future__ import annotations

import os
import sys


def main(argv: list[str] | None = None) -> int:
    """Run one command line. Returns the exit status (``controller.local.exits``)."""
    args = sys.argv[1:] if argv is None else argv
    if args[:1] == ["safety"]:
        # The safety process starts small: no click, no controller, the same pid for the supervisor.
        os.execv(sys.executable, [sys.executable, "-m", "controller.safety", *args[1:]])
    import click

    from controller.local import exits
    from controller.local.tree import root

    try:
        # Without a word it helps, whatever the version of click makes of that.
        found = root.main(args=args or ["--help"], prog_name="joulepost", standalone_mode=False)
        return found if isinstance(found, int) else exits.OK
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except (KeyboardInterrupt, click.Abort):
        return exits.INTERRUPTED
    except exits.Exit as exc:
        print(f"joulepost: {exc}", file=sys.stderr)
        return exc.status


if __name__ == "__main__":
    sys.exit(main())
