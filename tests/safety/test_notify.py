import socket
from pathlib import Path

from controller.safety.notify import ALIVE_EVERY_MS, Notifier


def listen(path: Path) -> socket.socket:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(path))
    manager.setblocking(False)
    return manager


def heard(manager: socket.socket) -> list[bytes]:
    messages = []
    while True:
        try:
            messages.append(manager.recv(4096))
        except BlockingIOError:
            return messages


def test_ready_comes_with_the_first_completed_step_and_watchdog_with_the_others(tmp_path: Path) -> None:
    manager = listen(tmp_path / "notify")
    notifier = Notifier(str(tmp_path / "notify"))
    assert heard(manager) == []
    notifier.completed(1_000)
    assert heard(manager) == [b"READY=1\nWATCHDOG=1"]
    for now_ms in range(1_010, 1_000 + 2 * ALIVE_EVERY_MS + 10, 10):
        notifier.completed(now_ms)
    assert heard(manager) == [b"WATCHDOG=1"] * 2


def test_an_abstract_address() -> None:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind("")  # the kernel chooses an abstract name
    notifier = Notifier("@" + manager.getsockname()[1:].decode())
    notifier.tell("STOPPING=1")
    assert manager.recv(100) == b"STOPPING=1"
    notifier.close()


def test_nobody_there_is_counted_and_no_reason_to_stop(tmp_path: Path) -> None:
    notifier = Notifier(str(tmp_path / "missing"))
    notifier.completed(1_000)
    assert notifier.failed == 1
    Notifier("").completed(1_000)


def test_a_manager_that_does_not_read_blocks_nothing(tmp_path: Path) -> None:
    listen(tmp_path / "notify")
    notifier = Notifier(str(tmp_path / "notify"))
    for index in range(10_000):
        notifier.completed(index * 1_000)
    assert notifier.failed > 0
