"""What is done beside the loop, what comes back of it, and what connection and firmware update get."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from controller.certificates import ports
from controller.certificates.keeper import CertificateKeeper
from controller.certificates.store import Examined, Store, StoreFailed
from controller.domain.effects import (
    ExamineCertificate,
    MakeSigningRequest,
    RemoveCertificate,
    StoreCertificate,
)
from controller.domain.inputs import (
    CertificateExamined,
    CertificatesFound,
    CsmsVerified,
    Input,
    SigningRequestMade,
)
from controller.domain.instant import Now
from controller.domain.security.certificate import CertificateUse
from tests.domain.conftest import Hand
from tests.support import pki

CSMS, MAKER, CLIENT = CertificateUse.CSMS_ROOT, CertificateUse.MANUFACTURER_ROOT, CertificateUse.CLIENT


class Rig:
    """A keeper whose station is driven by hand."""

    def __init__(self, directory: Path) -> None:
        self.hand = Hand()
        self.taken: list[Input] = []
        self.said: list[str] = []
        self.store = Store(directory / "certificates")
        self.keeper = CertificateKeeper(
            directory / "certificates", self.hand.station.certificates, self.take, self, self.said.append
        )

    def take(self, input_: Input) -> None:
        self.taken.append(input_)
        self.hand.give(input_)

    def now(self) -> Now:
        return self.hand.now

    def set_utc(self, _utc_ms: int) -> int:
        raise AssertionError("nobody sets the clock here")

    def last(self) -> Input:
        return self.taken[-1]


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


def test_the_loop_goes_on_while_a_certificate_is_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, threads = threading.Event(), []

    def slow(_self: Store, _pem: str) -> Examined:
        threads.append(threading.current_thread())
        assert gate.wait(60)
        return Examined(fault="slow")

    monkeypatch.setattr(Store, "examine", slow)

    async def main() -> None:
        rig = Rig(tmp_path)
        work = asyncio.create_task(rig.keeper.carry_out(ExamineCertificate(7, "PEM")))
        for _turn in range(1000):
            await asyncio.sleep(0)
        assert not work.done()
        gate.set()
        await work
        assert rig.last() == CertificateExamined(7, (), "slow")
        assert threads and threads[0] is not threading.main_thread()

    run(main())


def test_one_thing_at_a_time_in_the_order_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = [0], [0]
    real = Store.examine

    def counted(self: Store, pem: str) -> Examined:
        running[0] += 1
        most[0] = max(most[0], running[0])
        try:
            return real(self, pem)
        finally:
            running[0] -= 1

    monkeypatch.setattr(Store, "examine", counted)

    async def main() -> None:
        rig = Rig(tmp_path)
        await asyncio.gather(*(rig.keeper.carry_out(ExamineCertificate(n, "x")) for n in range(10)))
        assert [one.job for one in rig.taken if isinstance(one, CertificateExamined)] == list(range(10))
        assert most == [1]

    run(main())


def test_the_port_gives_paths_for_now(tmp_path: Path) -> None:
    async def main() -> None:
        rig = Rig(tmp_path)
        port: ports.Certificates = rig.keeper
        await rig.keeper.load()
        assert (port.client_certificate(), list(port.trust()), list(port.central_roots())) == (None, [], [])
        root, maker = pki.root(), pki.root("Maker")
        await rig.keeper.carry_out(StoreCertificate(1, CSMS, root.pem))
        await rig.keeper.carry_out(StoreCertificate(2, MAKER, maker.pem))
        assert isinstance(rig.last(), CertificatesFound) and rig.last().fault == ""  # type: ignore[union-attr]
        await rig.keeper.carry_out(MakeSigningRequest(3, "Operator", "SN-1"))
        made = rig.last()
        assert isinstance(made, SigningRequestMade) and made.fault == ""
        await rig.keeper.carry_out(StoreCertificate(4, CLIENT, pki.sign_request(made.csr, root).pem))
        (central,), (firmware,) = port.central_roots(), port.manufacturer_roots()
        assert [list(group) for group in port.trust()] == [[central]]
        assert firmware.read_text().endswith(maker.pem)
        (own,) = port.client_certificates()
        assert port.client_certificate() == (own.chain, own.key)
        assert own.expires_at_ms == round((pki.T0 + 365 * pki.DAY).timestamp() * 1000) + 999
        port.connected([central], own.chain)
        assert rig.last() == CsmsVerified((root.fingerprint,), own.fingerprint)
        port.connected([tmp_path / "of the owner.pem"], tmp_path / "own.pem")
        assert rig.last() == CsmsVerified((), None)
        await rig.keeper.carry_out(RemoveCertificate(5, (CSMS, MAKER), root.fingerprint))
        assert list(port.central_roots()) == [] and list(port.manufacturer_roots()) == [firmware]
        assert rig.said == []

    run(main())


@pytest.mark.parametrize(
    "effect",
    [
        ExamineCertificate(7, "PEM"),
        StoreCertificate(7, CSMS, "PEM"),
        StoreCertificate(7, CLIENT, "PEM"),
        RemoveCertificate(7, (CSMS,), "ab"),
        MakeSigningRequest(7, "Operator", "SN-1"),
    ],
    ids=lambda effect: type(effect).__name__,
)
def test_a_failure_is_a_result_and_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, effect: Any
) -> None:
    def broken(*_args: object) -> None:
        raise StoreFailed("csms-roots: cannot be read: Input/output error")

    for name in ("examine", "add_root", "add_chain", "remove", "new_request"):
        monkeypatch.setattr(Store, name, broken)

    async def main() -> None:
        rig = Rig(tmp_path)
        await rig.keeper.carry_out(effect)
        answer = rig.last()
        assert isinstance(answer, CertificatesFound | SigningRequestMade)
        assert answer.job == 7 and "Input/output error" in answer.fault
        assert len(rig.said) == 1 and "Input/output error" in rig.said[0]

    run(main())


def test_files_that_cannot_be_read_do_not_stop_the_start(tmp_path: Path) -> None:
    """A file where the directory should be, as a clumsy restore may leave it."""
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates" / "csms-roots").write_text("not a directory")

    async def main() -> None:
        rig = Rig(tmp_path)
        await rig.keeper.load()
        found = rig.last()
        assert isinstance(found, CertificatesFound) and found.certificates == () and found.fault
        assert len(rig.said) == 1 and "csms-roots" in rig.said[0]

    run(main())


def test_what_does_not_belong_is_said_once(tmp_path: Path) -> None:
    async def main() -> None:
        rig = Rig(tmp_path)
        await rig.keeper.carry_out(StoreCertificate(1, CSMS, pki.root().pem))
        (rig.store.place(CSMS) / "notes.txt").write_text("hello")
        await rig.keeper.load()
        await rig.keeper.load()
        assert [line for line in rig.said if "notes.txt" in line] == rig.said and len(rig.said) == 1

    run(main())


class Panic(BaseException):
    """As a panic in the library's Rust arrives: no Exception."""


@pytest.mark.parametrize("raised", [KeyError(13), RecursionError(), MemoryError(), Panic("index")])
@pytest.mark.parametrize(
    "effect",
    [
        ExamineCertificate(7, "PEM"),
        StoreCertificate(7, CertificateUse.CLIENT, "PEM"),
        MakeSigningRequest(7, "O", "CN"),
    ],
    ids=lambda effect: type(effect).__name__,
)
def test_whatever_is_raised_the_program_goes_on_and_the_command_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, effect: Any, raised: BaseException
) -> None:
    def broken(*_args: object) -> None:
        raise raised

    for name in ("examine", "add_chain", "new_request"):
        monkeypatch.setattr(Store, name, broken)

    async def main() -> None:
        rig = Rig(tmp_path)
        await rig.keeper.carry_out(effect)
        answer = rig.last()
        assert isinstance(answer, CertificatesFound | SigningRequestMade)
        assert answer.job == 7 and type(raised).__name__ in answer.fault

    run(main())
