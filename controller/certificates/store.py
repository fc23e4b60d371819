"""The certificate files: ``storage/certificates/`` with a directory for each use.

Owns: where what lies, modes (directories 0700, keys 0600), writes that are whole or not there (a new file,
synced, renamed, directory synced), and what is said of files that do not belong.
Refuses to know: the rules of installing and deleting, the event loop. Everything here blocks.

    csms-roots/<fingerprint>.pem    manufacturer-roots/<fingerprint>.pem
    client/<key id>.key             a key of this station; without a chain it waits for its certificate
    client/<key id>.pem             its certificate, and the CAs between it and a root

An owner may put files there, too: any ``*.pem`` counts as a root, and any pair of ``*.pem`` and ``*.key`` as
a client certificate. What is damaged or of no use is named and left alone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from controller.certificates import x509
from controller.certificates.x509 import BadCertificate
from controller.domain.security.certificate import CertificateFacts, CertificateUse, HashAlgorithm

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

DIRECTORIES: Mapping[CertificateUse, str] = {
    CertificateUse.CSMS_ROOT: "csms-roots",
    CertificateUse.MANUFACTURER_ROOT: "manufacturer-roots",
    CertificateUse.CLIENT: "client",
}
"""One line more for each use that 2.0.1 adds."""

MOST_PENDING_KEYS = 3
"""Keys that wait for a certificate: the newest stay. An answer to an earlier request is still good then."""

MOST_FILE_BYTES = 100_000
"""A larger file is no certificate of ours; it is not read."""

_UNFINISHED = ".new"
_ISSUER_KEY = "Issuer-Key-"
"""Begins a line before the certificate: hash of the public key of the issuer, which may be deleted later."""


class StoreFailed(Exception):
    """A file could not be read, written or removed. The message names it and the cause."""


@dataclass(frozen=True, slots=True)
class RootFile:
    use: CertificateUse
    path: Path
    facts: CertificateFacts


@dataclass(frozen=True, slots=True)
class ClientFile:
    """``facts``: of the leaf."""

    path: Path
    key_path: Path
    facts: CertificateFacts


@dataclass(frozen=True, slots=True)
class Contents:
    """What a look at the files found. ``pending``: ids of keys that wait for a certificate, newest first.
    ``problems``: files that are not used, one line each with name, cause and what to do."""

    roots: tuple[RootFile, ...] = ()
    clients: tuple[ClientFile, ...] = ()
    pending: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Examined:
    """A text that came from outside. ``chain``: leaf first. ``fault``: why it cannot be read, "" = it can.
    ``key_held``: the leaf's key is one of this station. ``anchors``: fingerprints of the installed CSMS roots
    that the chain leads to. ``owner_anchored``: it leads to a root of station.toml."""

    chain: tuple[CertificateFacts, ...] = ()
    fault: str = ""
    key_held: bool = False
    anchors: tuple[str, ...] = ()
    owner_anchored: bool = False


class Store:
    """``directory`` need not exist; it is made for the first file. ``owner_roots``: [csms] ca_file, which is
    no part of the store. Raises ``StoreFailed``."""

    def __init__(self, directory: Path, owner_roots: Path | None = None) -> None:
        self.directory = directory
        self.owner_roots = owner_roots

    def place(self, use: CertificateUse) -> Path:
        return self.directory / DIRECTORIES[use]

    @property
    def empty(self) -> bool:
        """There is nothing to read: a cheap look, without ``cryptography``."""
        return not any(any(_entries(self.place(use))) for use in DIRECTORIES)

    # ------------------------------------------------------------------ reading

    def read(self) -> Contents:
        """Look at every file. Only what an interrupted write left behind is removed, and that is told."""
        problems: list[str] = []
        roots = self._roots(problems)
        clients, pending = self._clients(roots, problems)
        return Contents(
            tuple(file for file, _certificate in roots), tuple(clients), tuple(pending), tuple(problems)
        )

    def _roots(self, problems: list[str]) -> list[tuple[RootFile, Certificate]]:
        raw: list[tuple[CertificateUse, Path, Certificate, dict[HashAlgorithm, str] | None]] = []
        for use in (CertificateUse.CSMS_ROOT, CertificateUse.MANUFACTURER_ROOT):
            for path in self._files(use, (".pem",), problems):
                try:
                    text = _read(path)
                    raw.append((use, path, x509.one(text), _issuer_key(text)))
                except (StoreFailed, BadCertificate) as error:
                    problems.append(_unused(path, error))
        found: list[tuple[RootFile, Certificate]] = []
        for use, path, certificate, noted in raw:
            try:
                keys = noted or _issuer_keys(certificate, [other for _, _, other, _ in raw])
                facts = x509.facts_of(certificate, keys)
            except BadCertificate as error:
                problems.append(_unused(path, error))
                continue
            twin = next(
                (o for o, _ in found if o.use is use and o.facts.fingerprint == facts.fingerprint), None
            )
            if twin is not None:
                problems.append(_unused(path, f"the same certificate as {twin.path.name}"))
            else:
                found.append((RootFile(use, path, facts), certificate))
        return found

    def _clients(
        self, roots: Sequence[tuple[RootFile, Certificate]], problems: list[str]
    ) -> tuple[list[ClientFile], list[str]]:
        files = self._files(CertificateUse.CLIENT, (".pem", ".key"), problems)
        keys: dict[str, tuple[Path, str]] = {}
        for path in files:
            if path.suffix == ".key":
                try:
                    _close(path, problems)
                    keys[path.stem] = (path, x509.key_id_of_private(_read(path)))
                except (StoreFailed, BadCertificate) as error:
                    problems.append(_unused(path, error))
        clients = []
        for path in files:
            if path.suffix != ".pem":
                continue
            key_path, key_id = keys.pop(path.stem, (None, ""))
            try:
                chain = x509.ordered(x509.parse(_read(path)))
                issuers = [*chain[1:], *(certificate for _file, certificate in roots)]
                facts = x509.facts_of(chain[0], _issuer_keys(chain[0], issuers))
            except (StoreFailed, BadCertificate) as error:
                problems.append(_unused(path, error))
                continue
            if key_path is None:
                problems.append(_unused(path, f"there is no usable key {path.stem}.key for it"))
            elif facts.key_id != key_id:
                problems.append(_unused(path, f"{key_path.name} is not its key"))
            else:
                clients.append(ClientFile(path, key_path, facts))
        newest_first = sorted(keys.values(), key=lambda one: _changed_ns(one[0]), reverse=True)
        return clients, [key_id for _path, key_id in newest_first]

    def _files(self, use: CertificateUse, suffixes: tuple[str, ...], problems: list[str]) -> list[Path]:
        """The files of a directory that may be ours, by name."""
        files = []
        for path in sorted(_entries(self.place(use))):
            if path.name.endswith(_UNFINISHED):
                problems.append(f"{path}: left by an interrupted write; removed")
                _remove(path)
            elif path.suffix not in suffixes or not path.is_file():
                problems.append(_unused(path, f"expected files named *{' or *'.join(suffixes)} only"))
            else:
                files.append(path)
        return files

    def examine(self, pem: str) -> Examined:
        """Look at certificates that somebody sent, next to what is installed. Never raises for a bad text."""
        problems: list[str] = []
        roots = self._roots(problems)
        central = {
            certificate: file.facts.fingerprint
            for file, certificate in roots
            if file.use is CertificateUse.CSMS_ROOT
        }
        try:
            chain = x509.ordered(x509.parse(pem))
            issuers = [*chain[1:], *(certificate for _file, certificate in roots)]
            facts = tuple(x509.facts_of(one, _issuer_keys(one, issuers)) for one in chain)
            if facts[-1].self_issued and not x509.signed_by(chain[-1], chain[-1]):
                raise BadCertificate("a certificate that claims to have signed itself has another signature")
        except BadCertificate as error:
            return Examined(fault=str(error))
        clients, pending = self._clients(roots, problems)
        held = {*pending, *(client.facts.key_id for client in clients)}
        anchors = tuple(central[root] for root in x509.anchors(chain, central))
        owner = bool(x509.anchors(chain, self._owner_roots()))
        return Examined(facts, "", facts[0].key_id in held, anchors, owner)

    def _owner_roots(self) -> list[Certificate]:
        """A file that cannot be read vouches for nobody; the connection tells of it."""
        if self.owner_roots is None:
            return []
        try:
            return x509.bundle(_read(self.owner_roots, 10 * MOST_FILE_BYTES))
        except (StoreFailed, BadCertificate):
            return []

    # ------------------------------------------------------------------ writing

    def add_root(self, use: CertificateUse, pem: str) -> None:
        """Write it in our own form. Raises ``BadCertificate``, ``StoreFailed``."""
        certificate = x509.one(pem)
        known = [other for _file, other in self._roots([])]
        keys = _issuer_keys(certificate, known)
        facts = x509.facts_of(certificate, keys)
        head = "".join(f"{_ISSUER_KEY}{algorithm}: {digest}\n" for algorithm, digest in (keys or {}).items())
        self._write(use, f"{facts.fingerprint[:32]}.pem", head + x509.pem_of([certificate]))

    def remove(self, use: CertificateUse, fingerprint: str) -> None:
        """Remove a certificate; of a client certificate the key, too. No error when it is gone already."""
        contents = self.read()
        paths = [
            root.path for root in contents.roots if root.use is use and root.facts.fingerprint == fingerprint
        ]
        if use is CertificateUse.CLIENT:
            for client in contents.clients:
                if client.facts.fingerprint == fingerprint:
                    paths += [client.path, client.key_path]
        for path in paths:
            _remove(path)

    def add_chain(self, pem: str) -> None:
        """Put a signed certificate beside its key. Raises ``BadCertificate`` when there is no such key."""
        chain = x509.ordered(x509.parse(pem))
        key_id = x509.key_id(chain[0])
        for path in _entries(self.place(CertificateUse.CLIENT)):
            if path.suffix == ".key" and x509.key_id_of_private(_read(path)) == key_id:
                self._write(CertificateUse.CLIENT, f"{path.stem}.pem", x509.pem_of(chain))
                return
        raise BadCertificate("no key of this station belongs to the certificate")

    def new_request(self, organization: str, common_name: str) -> str:
        """Make a key, keep it, and return the request for a certificate. The key is durable before anybody
        can sign it; the oldest of those that wait make room. Raises ``BadCertificate``, ``StoreFailed``."""
        key_id, key_pem = x509.new_key()
        request = x509.signing_request(key_pem, organization, common_name)
        self._write(CertificateUse.CLIENT, f"{key_id[:32]}.key", key_pem)
        for old in self.read().pending[MOST_PENDING_KEYS:]:
            _remove(self.place(CertificateUse.CLIENT) / f"{old[:32]}.key")
        return request

    def _write(self, use: CertificateUse, name: str, text: str) -> None:
        place = self.place(use)
        try:
            for directory in (self.directory, place):
                directory.mkdir(mode=0o700, exist_ok=True)
                directory.chmod(0o700)
            unfinished = place / f"{name}{_UNFINISHED}"
            unfinished.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with open(os.open(unfinished, flags, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(place / name)
            _sync(place)
        except OSError as error:
            raise StoreFailed(f"{place / name}: cannot be written: {error.strerror}") from error


# ---------------------------------------------------------------------- files


def _entries(place: Path) -> list[Path]:
    try:
        return list(place.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreFailed(f"{place}: cannot be read: {error.strerror}") from error


def _read(path: Path, most: int = MOST_FILE_BYTES) -> str:
    try:
        if path.stat().st_size > most:
            raise StoreFailed(f"larger than {most} bytes")
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise StoreFailed(f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StoreFailed("no text in PEM form") from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
        _sync(path.parent)
    except OSError as error:
        raise StoreFailed(f"{path}: cannot be removed: {error.strerror}") from error


def _sync(directory: Path) -> None:
    """Make names durable: the sync of a file does not cover its directory."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _close(path: Path, problems: list[str]) -> None:
    """A private key that others can read is closed to them, and that is told."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            path.chmod(0o600)
            problems.append(
                f"{path}: a private key with mode {mode:04o}; set to 0600. Replace it if others had access"
            )
    except OSError as error:
        raise StoreFailed(f"its mode cannot be set to 0600: {error.strerror}") from error


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # gone a moment ago: the oldest


def _unused(path: Path, why: object) -> str:
    return f"{path}: not used: {why}; repair or remove it"


# ---------------------------------------------------------------------- issuers


def _issuer_keys(certificate: Certificate, issuers: Sequence[Certificate]) -> dict[HashAlgorithm, str] | None:
    """issuerKeyHash in every algorithm; None = it signed itself, or its issuer is not known here."""
    for issuer in issuers:
        if issuer != certificate and x509.signed_by(certificate, issuer):
            return x509.key_hashes(x509.key_bytes(issuer))
    return None


def _issuer_key(text: str) -> dict[HashAlgorithm, str] | None:
    """What ``add_root`` noted before the certificate, None when it is not there or not whole."""
    noted = {}
    for line in text.splitlines():
        if line.startswith(_ISSUER_KEY):
            algorithm, _colon, digest = line.removeprefix(_ISSUER_KEY).partition(": ")
            noted[algorithm] = digest.strip()
    if set(noted) != set(HashAlgorithm):
        return None
    return {algorithm: noted[algorithm] for algorithm in HashAlgorithm}
