"""Work whose traces end with it: done in a child process, only the result comes back.

Owns: the fork and the pipe. Refuses to know: what is worked on.

The safety process locks its memory and lives for months; what its start needs once (parsers, their tables and
compiled patterns: some 3 MiB) stays out of it this way. Fork only: call it before there are threads.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def apart(work: Callable[[], T], passing: type[Exception]) -> T:
    """The result of ``work``, or the ``passing`` exception it raised; both have to be picklable.

    Raises ``SystemExit`` with the child's status when it ended otherwise: it has said why on stderr itself.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os._exit(_deliver(work, passing, writer))
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if not answer:
        raise SystemExit(os.waitstatus_to_exitcode(status))
    result: T | Exception = pickle.loads(answer)
    if isinstance(result, passing):
        raise result
    return result  # type: ignore[return-value]


def _deliver(work: Callable[[], object], passing: type[Exception], writer: int) -> int:
    """In the child: exit status."""
    status = 0
    try:
        try:
            result = work()
        except passing as error:
            result = error
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(pickle.dumps(result))
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 - nothing may leave the child but its exit status
        import traceback

        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status
