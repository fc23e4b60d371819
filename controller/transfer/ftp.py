"""Files over FTP and FTPS: RETR and STOR in passive mode, resumed by REST. Blocking; runs in a thread.

Owns: the conversation with an FTP server (RFC 959, 3659, 4217) and what its replies mean.
Refuses to know: when to try again.

The address in a PASV reply is not used, only its port: the data goes to the server that was asked.
"""

from __future__ import annotations

import ftplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from controller.domain.tasks.transfers import Location, TransferFault
from controller.transfer.errors import TransferError, cleaned
from controller.transfer.line import Line
from controller.transfer.options import CHUNK_BYTES
from controller.transfer.part import Marks, Part

Tell = Callable[[int, int | None], None]

IMPLICIT_PORT = 990
_MOST_LINES = 2_000
_MOST_CHARACTERS = 128 * 1024
"""Reply lines in one conversation, and characters in them: a server that never ends a reply fills no memory,
and ``ftplib`` does not copy megabytes for every line."""

_UNKNOWN = ("500", "501", "502", "504")
_DENIED = ("530", "532", "534", "553")


class _Ftp(ftplib.FTP_TLS):
    """``ftplib`` over the sockets of a ``Line``."""

    def __init__(self, location: Location, line: Line) -> None:
        # The context is set below, when TLS is spoken at all: making one costs time.
        ftplib.FTP.__init__(self, timeout=line.options.stall_s, encoding="utf-8")
        self._line = line
        self._lines = self._characters = 0
        self._protected = False
        self.host = location.host
        self.port = location.port
        sock = line.open(location.host, location.port)
        if location.secure and location.port == IMPLICIT_PORT:
            sock = line.secured(sock, location.host)
        self._adopt(sock)
        self.af = sock.family
        self.welcome = self.getresp()

    def _adopt(self, sock: socket.socket) -> None:
        self.sock = sock
        self.file = sock.makefile("r", encoding=self.encoding, errors="replace")

    def auth(self) -> str:
        """AUTH TLS (RFC 4217 4), unless TLS was there from the first byte."""
        if isinstance(self.sock, ssl.SSLSocket):
            return ""
        assert self.sock is not None
        reply = self.voidcmd("AUTH TLS")
        self._adopt(self._line.secured(self.sock, self.host))
        return reply

    def protect(self) -> None:
        """Data connections are protected, too (RFC 4217 9)."""
        self.voidcmd("PBSZ 0")
        self.voidcmd("PROT P")
        self._protected = True

    def getline(self) -> str:
        self._lines += 1
        if self._lines > _MOST_LINES:
            raise ftplib.error_proto(f"more than {_MOST_LINES} lines of replies")
        line = super().getline()
        self._characters += len(line)
        if self._characters > _MOST_CHARACTERS:
            raise ftplib.error_proto(f"more than {_MOST_CHARACTERS} characters of replies")
        return line

    def data(self, command: str, rest: int) -> socket.socket:
        """A data connection on which ``command`` has begun."""
        host, port = self.makepasv()
        sock = self._line.open(host, port)
        if rest:
            self.sendcmd(f"REST {rest}")
        reply = self.sendcmd(command)
        if reply[0] != "1":
            raise ftplib.error_reply(reply)
        if self._protected:
            # Servers may ask for the session of the control connection, as proof that it is the same client.
            assert isinstance(self.sock, ssl.SSLSocket)
            sock = self._line.secured(sock, self.host, self.sock.session)
        self._line.resting()
        return sock


def fetch(source: Location, part: Part, line: Line, tell: Tell) -> int:
    """Download into ``part``. Returns at how many bytes it went on. Raises ``TransferError``, ``Cut``."""
    with _conversation(source, line) as ftp:
        path = _path(source)
        total, stamp = _size(ftp, path), _stamp(ftp, path)
        marks = Marks(stamp if total is not None else "", total)
        kept, known = part.kept()
        at = kept if known == marks and total is not None and kept <= total else 0
        if at and not _can_restart(ftp, at):
            at = 0
        if at:
            part.begin(at, marks)
        else:
            part.forget()
            part.begin(0, marks)
        if at != total or not total:
            sock = ftp.data(f"RETR {path}", at)
            while chunk := sock.recv(CHUNK_BYTES):
                line.moved(len(chunk))
                part.write(chunk)
                tell(part.size, part.total)
            line.check()
            _end(sock)
            ftp.voidresp()
        if total is not None and part.size != total:
            raise TransferError(
                TransferFault.INTERRUPTED, f"{source}: cut after {part.size} of {total} bytes; try again"
            )
    return at


def send(
    path: Path, size: int, name: str, location: Location, resume: bool, line: Line, tell: Tell
) -> Location:
    """Upload by STOR. ``resume``: go on behind what an earlier attempt left there under this name.
    Returns where to. Raises ``TransferError``, ``Cut``."""
    with _conversation(location, line) as ftp:
        target = location
        if not location.is_directory and _is_directory(ftp, _path(location)):
            target = replace(location, path=location.path + "/")
        target = target.within(name)
        there = _path(target)
        at = 0
        if resume:
            left = _size(ftp, there) or 0
            at = left if left <= size and _can_restart(ftp, left) else 0
        sock = ftp.data(f"STOR {there}", at)
        _pour(path, size, at, sock, line, tell)
        _end(sock)
        ftp.voidresp()
    return target


def _pour(path: Path, size: int, at: int, sock: socket.socket, line: Line, tell: Tell) -> None:
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    done = at
    with file:
        file.seek(at)
        while done < size and (chunk := file.read(min(CHUNK_BYTES, size - done))):
            sock.sendall(chunk)
            line.moved(len(chunk))
            done += len(chunk)
            tell(done, size)
    if done < size:
        raise _unreadable(path, f"it became shorter: {done} of {size} bytes")


def _unreadable(path: Path, why: str) -> TransferError:
    return TransferError(TransferFault.NO_SPACE, f"{path}: cannot be read: {why}; check the disk")


def _end(sock: socket.socket) -> None:
    """Close a data connection so that the other side can tell it from a cut one."""
    if isinstance(sock, ssl.SSLSocket):
        try:
            sock.unwrap()
        except (OSError, ValueError):
            pass  # many servers just close; whether all arrived, the reply and the size tell
    sock.close()


@contextmanager
def _conversation(location: Location, line: Line) -> Iterator[_Ftp]:
    """Connected, protected and logged in; errors in our words."""
    line.check()
    line.location = location
    try:
        ftp = _Ftp(location, line)
        try:
            if location.secure:
                ftp.auth()
            ftplib.FTP.login(ftp, location.user, location.password)
            if location.secure:
                ftp.protect()
            ftp.voidcmd("TYPE I")
            yield ftp
            _farewell(ftp)
        finally:
            ftp.close()
    except TimeoutError as error:
        line.check()
        raise line.stalled() from error
    except ftplib.Error as error:
        line.check()
        raise _refused(location, str(error)) from error
    except (OSError, EOFError) as error:
        line.check()
        why = cleaned(str(error) or "the server hung up", location)
        raise TransferError(
            TransferFault.INTERRUPTED, f"{location}: the connection broke ({why}); try again"
        ) from error


def _farewell(ftp: _Ftp) -> None:
    try:
        ftp.quit()
    except (OSError, EOFError, ftplib.Error):
        pass  # the file is there: how the server takes its leave changes nothing


def _refused(location: Location, reply: str) -> TransferError:
    """RFC 959 4.2.1."""
    said, code = f"{location}: the server answered {cleaned(reply, location)}", reply[:3]
    if code in _DENIED:
        text = "check user and password in the URL, and what that user may do"
        return TransferError(TransferFault.PERMISSION_DENIED, f"{said}; {text}")
    if code == "550":  # "not found, no access": most servers use it for both
        missing = any(word in reply.lower() for word in ("no such", "not found", "not exist", "cannot find"))
        fault = TransferFault.NOT_FOUND if missing else TransferFault.PERMISSION_DENIED
        return TransferError(fault, f"{said}; check the path and what the user may do")
    if code == "552":
        return TransferError(TransferFault.TOO_LARGE, f"{said}; let the server take larger files")
    if code in _UNKNOWN:
        return TransferError(TransferFault.NOT_SUPPORTED, f"{said}; use a server that can do it")
    if code[:1] == "4":
        return TransferError(TransferFault.INTERRUPTED, f"{said}; try again later, see the server's log")
    return TransferError(TransferFault.BAD_MESSAGE, f"{said}; see the server's log")


def _path(location: Location) -> str:
    """RFC 1738 3.2.2: relative to where the log-in leads."""
    return unquote(location.path[1:])


def _size(ftp: _Ftp, path: str) -> int | None:
    """SIZE (RFC 3659 4), None when the server does not tell."""
    reply = _optional(ftp, f"SIZE {path}")
    digits = reply[4:].strip()
    known = reply.startswith("213") and digits.isascii() and digits.isdigit() and len(digits) <= 18
    return int(digits) if known else None


def _stamp(ftp: _Ftp, path: str) -> str:
    """MDTM (RFC 3659 3): when the file was changed, "" when the server does not tell."""
    reply = _optional(ftp, f"MDTM {path}")
    return reply[4:].strip() if reply.startswith("213") else ""


def _can_restart(ftp: _Ftp, at: int) -> bool:
    """REST (RFC 3659 5). It is sent again right before the transfer, where it counts."""
    return at > 0 and _optional(ftp, f"REST {at}").startswith("350")


def _is_directory(ftp: _Ftp, path: str) -> bool:
    """Ask by changing into it, and back."""
    here = _optional(ftp, "PWD")
    if not here.startswith("257") or not _optional(ftp, f"CWD {path}").startswith("250"):
        return False
    ftp.cwd(ftplib.parse257(here))
    return True


def _optional(ftp: _Ftp, command: str) -> str:
    """The reply, good or bad: the server may not know the command, or not the file."""
    try:
        return ftp.sendcmd(command)
    except (ftplib.error_perm, ftplib.error_temp) as error:
        return str(error)
