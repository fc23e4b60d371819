"""The files: what is written how, what is found again, and what is said of the rest."""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from controller.certificates import store as module
from controller.certificates.store import MOST_PENDING_KEYS, Store, StoreFailed
from controller.certificates.x509 import BadCertificate
from controller.domain.security.certificate import CertificateUse
from tests.support import pki

CSMS, MAKER, CLIENT = CertificateUse.CSMS_ROOT, CertificateUse.MANUFACTURER_ROOT, CertificateUse.CLIENT


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "certificates")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def signed(store: Store, ca: pki.Issued, **more: object) -> pki.Issued:
    leaf = pki.sign_request(store.new_request("Operator", "SN-1"), ca, **more)
    store.add_chain(leaf.pem)
    return leaf


def test_a_store_without_files_needs_no_directory(store: Store) -> None:
    assert store.empty
    assert store.read() == module.Contents()
    assert not store.directory.exists()


def test_16_SEC_16_directories_0700_and_keys_0600(store: Store) -> None:
    old = os.umask(0)
    try:
        signed(store, pki.root())
        store.add_root(CSMS, pki.root().pem)
    finally:
        os.umask(old)
    assert not store.empty
    for directory in (store.directory, store.place(CSMS), store.place(CLIENT)):
        assert mode(directory) == 0o700
    (key,) = store.place(CLIENT).glob("*.key")
    assert mode(key) == 0o600 and key.stat().st_uid == os.geteuid()


def test_16_SEC_16_a_key_that_others_can_read_is_closed_and_told(store: Store) -> None:
    signed(store, pki.root())
    (key,) = store.place(CLIENT).glob("*.key")
    key.chmod(0o644)
    contents = store.read()
    assert mode(key) == 0o600 and len(contents.clients) == 1
    assert any(str(key) in line and "0644" in line for line in contents.problems)
    assert store.read().problems == ()


def test_16_SEC_23_a_root_is_found_again_and_openssl_takes_the_file(store: Store) -> None:
    old = pki.root("Root A")
    new = pki.root("Root B", issuer=old)
    store.add_root(CSMS, old.pem.replace("\n", "\r\n"))
    store.add_root(CSMS, new.pem)
    store.add_root(MAKER, old.pem)
    contents = store.read()
    assert [(file.use, file.facts.fingerprint) for file in contents.roots if file.use is CSMS] == sorted(
        [(CSMS, old.fingerprint), (CSMS, new.fingerprint)], key=lambda one: one[1]
    )
    assert [file.facts.fingerprint for file in contents.roots if file.use is MAKER] == [old.fingerprint]
    context = ssl.create_default_context()
    for file in contents.roots:
        context.load_verify_locations(file.path)
    assert contents.problems == ()


def test_16_SEC_21_the_issuers_hash_outlives_the_issuer(store: Store) -> None:
    """A root signed by the one it replaces is identified by that one's key, also when it is gone."""
    old = pki.root("Root A")
    new = pki.root("Root B", issuer=old)
    store.add_root(CSMS, old.pem)
    store.add_root(CSMS, new.pem)

    def hashes() -> object:
        return next(
            one.facts.hashes for one in store.read().roots if one.facts.fingerprint == new.fingerprint
        )

    before = hashes()
    store.remove(CSMS, old.fingerprint)
    assert hashes() == before
    assert len(store.read().roots) == 1


def test_16_SEC_14_a_key_waits_for_its_certificate_over_restarts(store: Store) -> None:
    csr = store.new_request("Operator", "SN-1")
    again = Store(store.directory)  # after a crash: the key is all there is
    assert again.read().clients == () and len(again.read().pending) == 1
    leaf = pki.sign_request(csr, pki.root())
    again.add_chain(leaf.pem)
    (client,) = again.read().clients
    assert client.facts.fingerprint == leaf.fingerprint and again.read().pending == ()
    ssl.create_default_context().load_cert_chain(client.path, client.key_path)


def test_only_the_newest_waiting_keys_stay(store: Store) -> None:
    for number in range(MOST_PENDING_KEYS + 2):
        store.new_request("Operator", "SN-1")
        for key in store.place(CLIENT).glob("*.key"):  # a file system may be coarse
            os.utime(key, (key.stat().st_mtime - 10, key.stat().st_mtime - 10))
        assert len(store.read().pending) == min(number + 1, MOST_PENDING_KEYS)
    csr = store.new_request("Operator", "SN-1")
    signed_now = pki.sign_request(csr, pki.root())
    assert store.examine(signed_now.pem).key_held


def test_a_chain_without_a_key_here_is_refused(store: Store) -> None:
    store.new_request("Operator", "SN-1")
    with pytest.raises(BadCertificate, match="no key"):
        store.add_chain(pki.issue(pki.name("Operator", "SN-1"), pki.root()).pem)


def test_damaged_and_foreign_files_are_named_and_left_alone(store: Store) -> None:
    signed(store, pki.root())
    store.add_root(CSMS, pki.root().pem)
    (good,) = store.place(CSMS).iterdir()
    (key,) = store.place(CLIENT).glob("*.key")
    foreign = {
        store.place(CSMS) / "damaged.pem": good.read_bytes()[:300],
        store.place(CSMS) / "binary.pem": b"\xff\x00" * 50,
        store.place(CSMS) / "notes.txt": b"hello",
        store.place(CSMS) / "twin.pem": good.read_bytes(),
        store.place(CSMS) / "huge.pem": b"x" * 100_001,
        store.place(CLIENT) / "lonely.pem": pki.root().pem.encode(),
        store.place(CLIENT) / "broken.key": key.read_bytes()[:90],
        store.place(CLIENT) / "mixed.key": pki.root().key_pem.encode(),
        store.place(CLIENT) / "mixed.pem": pki.root().pem.encode(),
    }
    for path, content in foreign.items():
        path.write_bytes(content)
        path.chmod(0o600)
    (store.place(CSMS) / "folder.pem").mkdir()
    contents = store.read()
    assert len(contents.roots) == 1 and len(contents.clients) == 1
    named = "\n".join(contents.problems)
    for path, content in foreign.items():
        if path.name != "mixed.key":  # its certificate is named instead
            assert str(path) in named
        assert path.read_bytes() == content
    assert str(store.place(CSMS) / "folder.pem") in named
    secret = key.read_text().splitlines()[1]
    assert secret not in named


def test_what_an_interrupted_write_left_is_removed_and_told(store: Store) -> None:
    store.add_root(CSMS, pki.root().pem)
    half = store.place(CSMS) / "ab.pem.new"
    half.write_text("-----BEGIN")
    assert any(str(half) in line for line in store.read().problems)
    assert not half.exists() and store.read().problems == ()


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Power goes at the n-th step that touches the disk; steps are counted."""
    left: list[int] = [10**9]

    def step(real: object) -> object:
        def wrapper(*args: object, **more: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return real(*args, **more)  # type: ignore[operator]

        return wrapper

    for name in ("fsync", "open"):
        monkeypatch.setattr(module.os, name, step(getattr(os, name)))
    monkeypatch.setattr(Path, "rename", step(Path.rename))
    yield left


def test_a_power_cut_at_any_step_leaves_the_old_or_the_new(store: Store, cut: list[int]) -> None:
    ca = pki.root()
    store.add_root(CSMS, ca.pem)
    outcomes = set()
    for steps in range(8):
        other = pki.root(f"Root {steps}")
        cut[0] = steps
        try:
            store.add_root(CSMS, other.pem)
        except KeyboardInterrupt:
            outcomes.add("cut")
        else:
            outcomes.add("whole")
        cut[0] = 10**9
        contents = store.read()
        found = [file.facts.fingerprint for file in contents.roots]
        assert ca.fingerprint in found
        assert set(found) <= {ca.fingerprint, other.fingerprint}
        assert not any("not used" in line for line in contents.problems)
        store.remove(CSMS, other.fingerprint)
    assert outcomes == {"cut", "whole"}


def test_a_full_or_read_only_disk_is_told_with_file_and_cause(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add_root(CSMS, pki.root().pem)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(StoreFailed, match=r"csms-roots/.*\.pem: cannot be written: No space left"):
        store.add_root(CSMS, pki.root("B").pem)
    monkeypatch.undo()
    assert len(store.read().roots) == 1


def test_16_SEC_22_removing_a_client_certificate_removes_its_key(store: Store) -> None:
    leaf = signed(store, pki.root())
    store.remove(CLIENT, leaf.fingerprint)
    store.remove(CLIENT, leaf.fingerprint)
    assert store.empty


def test_16_SEC_17_what_was_sent_is_examined_next_to_what_is_installed(store: Store) -> None:
    ca, other = pki.root(), pki.root("Root B")
    store.add_root(CSMS, ca.pem)
    store.add_root(MAKER, other.pem)
    middle = pki.issue(pki.name("Operator", "Sub"), ca, ca=True)
    leaf = pki.sign_request(store.new_request("Operator", "SN-1"), middle)
    good = store.examine(leaf.pem + middle.pem)
    assert good.fault == "" and good.key_held and good.anchors == (ca.fingerprint,)
    assert [facts.common_names for facts in good.chain] == [("SN-1",), ("Sub",)]
    assert store.examine(leaf.pem).anchors == ()
    assert not store.examine(pki.issue(pki.name("Operator", "SN-1"), other).pem).key_held
    assert store.examine(pki.issue(pki.name("Operator", "SN-1"), other).pem).anchors == (), "another use"
    assert "no X.509" in store.examine("garbage").fault
    assert "no chain" in store.examine(leaf.pem + other.pem).fault


def test_16_SEC_21_a_hundred_certificates(store: Store) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    for number in range(100):
        store.add_root(MAKER, pki.root(f"Root {number}", key=key).pem) if number < 3 else (
            store.place(MAKER) / f"root-{number}.pem"
        ).write_text(pki.root(f"Root {number}", key=key).pem)
    contents = store.read()
    assert len(contents.roots) == 100 and contents.problems == ()
    assert len({root.facts.hashes[0].key for root in contents.roots}) == 100


def test_16_SEC_24_roots_of_station_toml_vouch_too(tmp_path: Path) -> None:
    ca, other = pki.root(), pki.root("Other")
    bundle = tmp_path / "ca.pem"
    bundle.write_text("".join(pki.root(str(number)).pem for number in range(12)) + ca.pem)
    store = Store(tmp_path / "certificates", bundle)
    assert store.examine(pki.root("New", issuer=ca).pem).owner_anchored
    assert not store.examine(pki.root("New", issuer=other).pem).owner_anchored
    bundle.write_text("damaged")
    assert not store.examine(pki.root("New", issuer=ca).pem).owner_anchored


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_16_SEC_17_16_SEC_23_a_certificate_with_any_byte_wrong_is_a_result_and_no_exception(
    store: Store,
) -> None:
    """What raises here would end the controller. With a byte of what is signed changed no signature is right;
    around the signature a bit of the encoding may mean nothing."""
    ca = pki.root()
    store.add_root(CSMS, ca.pem)
    for one in (ca, pki.issue(pki.name("Operator", "SN-1"), ca, may_sign=False)):
        der = one.certificate.public_bytes(Encoding.DER)
        for index in range(len(der)):
            for value in (0x00, 0xFF, der[index] ^ 0x01, der[index] ^ 0x20):
                if value == der[index]:
                    continue
                changed = der[:index] + bytes([value]) + der[index + 1 :]
                seen = store.examine(ssl.DER_cert_to_PEM_cert(changed))
                signed = index < 4 + len(one.certificate.tbs_certificate_bytes)
                assert seen.fault or seen.anchors == () or not signed, (index, value)


def test_16_SEC_17_16_SEC_23_what_the_library_chokes_on_is_a_fault(store: Store) -> None:
    ca = pki.root()
    store.add_root(CSMS, ca.pem)
    for issuer, is_ca in ((ca, False), (None, True)):
        faults = {what: store.examine(one.pem).fault for what, one in pki.nasty(issuer, is_ca).items()}
        assert "cannot be read" in faults["a name of a kind nobody has"]
        assert "cannot be read" in faults["a TLS feature nobody knows"]
        assert all(len(fault) < 300 for fault in faults.values())
