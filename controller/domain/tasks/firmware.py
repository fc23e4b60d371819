"""The firmware update as a state machine: from the request to the new version that runs (2.0.1 L01, L02; 1.6
5.19, security white paper L01).

Owns: what is done when, what is told of it, when an update may be replaced, and that nobody charges while it
must not. Every status is a durable event, so a power cut at any point finds its way on from the last of them.
Refuses to know: how files travel, how signatures are checked and how firmware is installed: those are effects
(``effects``, section firmware), and their results inputs. OCPP messages.

The course, with where a restart of the station goes on:

    DownloadScheduled   waits for the retrieve date; a restart keeps the plan
    Downloading         a restart downloads the rest
    DownloadPaused      an attempt failed, the next one comes after the retry interval
    Downloaded          its signature is checked (again, after a restart)
    SignatureVerified
    InstallScheduled    waits for the install date, or for running transactions
    Installing          a restart asks the installer, or compares the version that runs
    InstallRebooting    likewise

*Unsigned firmware* (1.6 UpdateFirmware, 2.0.1 L02). The white paper forbids it altogether (L01.FR.20), and a
station under security profile 2 or 3 obeys. Below that there is no TLS: whoever is on the line can give the
station any order there is, a signature would close one door of many, and central systems without the white
paper know nothing else than UpdateFirmware. So it is taken there, unless the owner says no
(``Policy.unsigned_firmware``): the setting is for the owner alone, and an installer may ask for a signature
of its own in the file.

``retries`` counts downloads after the first. The standard says "try" (1.6 6.55), as it did of GetDiagnostics
before errata 3.50 put it right; with "try", 0 would mean nothing at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from controller.domain.block import Handler
from controller.domain.commands import ResetKind, Status, UpdateFirmware, Verdict
from controller.domain.effects import (
    CheckSigningCertificate,
    ConfirmInstallation,
    DropFirmware,
    FetchFirmware,
    InstallFirmware,
    Restart,
    Settled,
    VerifyFirmware,
)
from controller.domain.events import (
    Event,
    FirmwareStaged,
    FirmwareStatus,
    FirmwareStatusChanged,
    FirmwareUpdateBegun,
    MachineStarted,
    StationStarted,
)
from controller.domain.evse.availability import Hold
from controller.domain.evse.evse import Evse
from controller.domain.inputs import (
    FirmwareFetched,
    FirmwareNotFetched,
    FirmwareVerified,
    InstallationEnded,
    InstallOutcome,
    SigningCertificateChecked,
)
from controller.domain.security.events import (
    FIRMWARE_UPDATED,
    INVALID_FIRMWARE_SIGNATURE,
    INVALID_FIRMWARE_SIGNING_CERTIFICATE,
)
from controller.domain.tasks.transfers import LONGEST_LOCATION, MOST_RETRIES
from controller.domain.turn import Turn
from controller.domain.views import Progress

DEFAULT_RETRIES = 3
DEFAULT_RETRY_INTERVAL_S = 60
"""When the CSMS leaves it to the station (1.6 6.55)."""
LEAST_RETRY_INTERVAL_S = 10
"""Each attempt is journalled. What failed heals in no less time, and without a bound (``MOST_RETRIES``, too)
one request for a server that refuses connections would write to the disk for ever, as fast as it goes."""
MOST_RESTARTS = 3
"""A machine that was told to restart this often, and did not, does not restart."""

FINISHED = frozenset(
    {
        FirmwareStatus.DOWNLOAD_FAILED,
        FirmwareStatus.INVALID_SIGNATURE,
        FirmwareStatus.INSTALLED,
        FirmwareStatus.INSTALLATION_FAILED,
        FirmwareStatus.INSTALL_VERIFICATION_FAILED,
    }
)
_PAST_RETURN = frozenset({FirmwareStatus.INSTALLING, FirmwareStatus.INSTALL_REBOOTING})


@dataclass(frozen=True, slots=True)
class FirmwareSpec:
    """``supported``: there is an installer. ``charging_continues``: it installs beside running transactions;
    the restart into the new firmware waits for them in any case."""

    supported: bool
    charging_continues: bool = False


NO_INSTALLER = FirmwareSpec(False)


class Firmware:
    """One update at a time; a new request replaces one that can still be stopped."""

    def __init__(
        self,
        evses: Mapping[int, Evse],
        spec: FirmwareSpec,
        number: Callable[[], int],
        record: Callable[[Turn, str, str], None],
        resetting: Callable[[], bool],
    ) -> None:
        """``number``: of a verdict that comes later (``Outcome.deferred``), unique in the station.
        ``record(turn, type, info)``: of a security event. ``resetting``: a reset is on its way."""
        self._evses = evses
        self._spec = spec
        self._number = number
        self._record = record
        self._resetting = resetting
        # durable: rebuilt from events
        self.order: FirmwareUpdateBegun | None = None
        self.last: FirmwareStatusChanged | None = None  # of that order
        self._digest = ""
        self._staged: FirmwareStaged | None = None
        # of this run
        self._version = ""  # what runs
        self._rebooted = False  # the machine, before this run
        self._machine_started = False
        self._busy = False  # an effect for the present status is under way
        self._answered_at_ms: int | None = None  # the request was accepted in this turn
        self._retry_at_ms: int | None = None
        self._restart: ResetKind | None = None  # what the staged firmware needs
        self._checking: dict[int, UpdateFirmware] = {}
        self._due_at_ms: int | None = None
        self.handlers: Mapping[type, Handler] = {
            UpdateFirmware: self._update,
            SigningCertificateChecked: self._certificate_checked,
            FirmwareFetched: self._fetched,
            FirmwareNotFetched: self._not_fetched,
            FirmwareVerified: self._verified,
            InstallationEnded: self._installation_ended,
        }

    # ------------------------------------------------------------------ durable state

    def apply(self, event: Event) -> None:
        match event:
            case MachineStarted():
                self._machine_started = True
            case StationStarted():
                self._version, self._busy = event.version, False
                self._rebooted, self._machine_started = self._machine_started, False
            case FirmwareUpdateBegun():
                self.order, self.last, self._staged, self._digest = event, None, None, ""
            case FirmwareStatusChanged():
                self.last = event
                self._digest = event.digest or self._digest
                if event.status in FINISHED and self.order is not None:
                    self.order = replace(self.order, location="")  # it may hold a password: no longer needed
            case FirmwareStaged():
                self._staged = event
            case _:
                pass

    def checkpoint(self) -> list[Event]:
        events: list[Event] = []
        if self.order is not None:
            events.append(self.order)
        if self.last is not None:
            events.append(replace(self.last, digest=self._digest))
        if self._staged is not None:
            events.append(self._staged)
        return events

    # ------------------------------------------------------------------ what others may see

    @property
    def status(self) -> FirmwareStatus | None:
        """Of the newest update; None = there never was one, or it has just been accepted."""
        return None if self.last is None else self.last.status

    @property
    def installing(self) -> bool:
        """Nobody else may restart the station now."""
        return self.status in _PAST_RETURN

    @property
    def under_way(self) -> bool:
        return self.order is not None and self.status not in FINISHED

    def progress(self) -> Progress:
        """For a triggered report: Idle after Installed, else the last status (L01.FR.28, FR.29; 1.6 4.5)."""
        if self.last is None or self.last.status is FirmwareStatus.INSTALLED:
            return Progress()
        return Progress(self.last.status, self.last.request_id)

    def next_deadline_ms(self) -> int | None:
        return self._due_at_ms

    # ------------------------------------------------------------------ the request

    def _update(self, command: UpdateFirmware, turn: Turn) -> Verdict | int:
        if not self._spec.supported:
            return Verdict(Status.NOT_SUPPORTED, "NoInstaller", "this station cannot install firmware")
        if len(command.location) > LONGEST_LOCATION:
            return Verdict(
                Status.REJECTED,
                "InvalidURL",
                f"location: found {len(command.location)} characters, expected at most {LONGEST_LOCATION}",
            )
        if command.certificate is None:
            if not turn.policy.unsigned_firmware:
                return Verdict(
                    Status.NOT_SUPPORTED, "SignatureRequired", "only signed firmware is installed (L01.FR.20)"
                )
            return self._begin(command, turn)
        refused = self._cannot_cancel()
        if refused is not None:
            return refused
        number = self._number()
        self._checking[number] = command
        turn.do(CheckSigningCertificate(number, command.certificate))
        return number

    def _certificate_checked(self, checked: SigningCertificateChecked, turn: Turn) -> None:
        """L01.FR.02, FR.23 to FR.25: before the request is answered."""
        command = self._checking.pop(checked.number, None)
        if command is None:
            return
        if checked.status is Status.ACCEPTED:
            verdict = self._begin(command, turn)
        else:
            self._record(turn, INVALID_FIRMWARE_SIGNING_CERTIFICATE, checked.info)
            verdict = Verdict(checked.status, "InvalidCertificate", checked.info)
        turn.do(Settled(checked.number, verdict))

    def _cannot_cancel(self) -> Verdict | None:
        """L01.FR.27: an installation that has begun is brought to its end."""
        if self.installing:
            return Verdict(Status.REJECTED, "Busy", "firmware is being installed; that cannot be cancelled")
        return None

    def _begin(self, command: UpdateFirmware, turn: Turn) -> Verdict:
        refused = self._cannot_cancel()
        if refused is not None:
            return refused
        before = self.order if self.under_way else None
        if before is not None:
            turn.do(DropFirmware(before.number))
        interval_s = command.retry_interval_s
        retries = DEFAULT_RETRIES if command.retries is None else min(command.retries, MOST_RETRIES)
        turn.emit(
            FirmwareUpdateBegun(
                number=1 if self.order is None else self.order.number + 1,
                location=command.location,
                retrieve_at_ms=command.retrieve_at_ms,
                install_at_ms=command.install_at_ms,
                retries=retries,
                retry_interval_s=(
                    DEFAULT_RETRY_INTERVAL_S
                    if interval_s is None
                    else max(LEAST_RETRY_INTERVAL_S, interval_s)
                ),
                request_id=command.request_id,
                certificate=command.certificate,
                signature=command.signature,
                version=self._version,
                at_ms=turn.now.utc_ms,
            )
        )
        self._busy, self._retry_at_ms, self._restart = False, None, None
        self._answered_at_ms = turn.now.mono_ms
        # L01.FR.26: whether the new file exists is not looked at before the old update is cancelled.
        return Verdict(Status.ACCEPTED if before is None else Status.ACCEPTED_CANCELED)

    # ------------------------------------------------------------------ rules

    def settle(self, turn: Turn) -> None:
        self._due_at_ms = None
        if self._answered_at_ms is not None:
            # The answer goes out first, then the first status: at the next turn.
            self._due_at_ms, self._answered_at_ms = self._answered_at_ms, None
        elif self.order is not None:
            while self._step(self.order, turn):
                pass
        self._hold(turn)

    def _step(self, order: FirmwareUpdateBegun, turn: Turn) -> bool:
        """Go one step on if it is time. False: nothing to do now."""
        match self.status:
            case None:
                scheduled = turn.now.utc_ms < order.retrieve_at_ms
                self._tell(
                    turn, FirmwareStatus.DOWNLOAD_SCHEDULED if scheduled else FirmwareStatus.DOWNLOADING
                )
                return True
            case FirmwareStatus.DOWNLOAD_SCHEDULED:
                if self._waits_until(order.retrieve_at_ms, turn):
                    return False
                self._tell(turn, FirmwareStatus.DOWNLOADING)
                return True
            case FirmwareStatus.DOWNLOADING:
                self._once(turn, FetchFirmware(order.number, order.location))
                return False
            case FirmwareStatus.DOWNLOAD_PAUSED:
                return self._try_again(order, turn)
            case FirmwareStatus.DOWNLOADED if order.certificate is not None:
                self._once(
                    turn, VerifyFirmware(order.number, order.certificate, order.signature, self._digest)
                )
                return False
            case (
                FirmwareStatus.DOWNLOADED
                | FirmwareStatus.SIGNATURE_VERIFIED
                | FirmwareStatus.INSTALL_SCHEDULED
            ):
                return self._install_if_possible(order, turn)
            case FirmwareStatus.INSTALLING | FirmwareStatus.INSTALL_REBOOTING:
                self._finish_installation(order, turn)
                return False
            case _:
                return False

    def _tell(
        self, turn: Turn, status: FirmwareStatus, info: str = "", attempt: int = 0, digest: str = ""
    ) -> None:
        order = self.order
        assert order is not None
        again = status is FirmwareStatus.DOWNLOADING and attempt > 0
        turn.emit(
            FirmwareStatusChanged(status, order.request_id, turn.now.utc_ms, info, again, attempt, digest)
        )
        self._busy = False
        if status in FINISHED:
            turn.do(DropFirmware(order.number))

    def _once(self, turn: Turn, effect: FetchFirmware | VerifyFirmware | ConfirmInstallation) -> None:
        """In each run of the program once: a restart asks anew."""
        if not self._busy:
            self._busy = True
            turn.do(effect)

    def _waits_until(self, utc_ms: int, turn: Turn) -> bool:
        """True before ``utc_ms``; looked at anew at every turn, because the clock may be set meanwhile."""
        left_ms = utc_ms - turn.now.utc_ms
        if left_ms <= 0:
            return False
        self._due_at_ms = turn.now.mono_ms + left_ms
        return True

    # ------------------------------------------------------------------ download

    def _try_again(self, order: FirmwareUpdateBegun, turn: Turn) -> bool:
        assert self.last is not None
        interval_ms = order.retry_interval_s * 1000
        if self._retry_at_ms is None:  # the program was restarted meanwhile
            left_ms = self.last.at_ms + interval_ms - turn.now.utc_ms
            self._retry_at_ms = turn.now.mono_ms + max(0, min(interval_ms, left_ms))
        if turn.now.mono_ms < self._retry_at_ms:
            self._due_at_ms = self._retry_at_ms
            return False
        self._retry_at_ms = None
        self._tell(turn, FirmwareStatus.DOWNLOADING, attempt=self.last.attempt)
        return True

    def _concerns(self, update: int, *statuses: FirmwareStatus) -> bool:
        """Whether an answer is for the update and the step that is under way; late ones are left aside."""
        return self.order is not None and self.order.number == update and self.status in statuses

    def _fetched(self, fetched: FirmwareFetched, turn: Turn) -> None:
        if self._concerns(fetched.update, FirmwareStatus.DOWNLOADING):
            self._tell(turn, FirmwareStatus.DOWNLOADED, digest=fetched.digest)

    def _not_fetched(self, failed: FirmwareNotFetched, turn: Turn) -> None:
        if not self._concerns(failed.update, FirmwareStatus.DOWNLOADING):
            return
        assert self.order is not None and self.last is not None
        attempt = self.last.attempt + 1
        if failed.final or attempt > self.order.retries:
            self._tell(turn, FirmwareStatus.DOWNLOAD_FAILED, failed.why, attempt)
            return
        self._retry_at_ms = turn.now.mono_ms + self.order.retry_interval_s * 1000
        self._tell(turn, FirmwareStatus.DOWNLOAD_PAUSED, failed.why, attempt)

    def _verified(self, verified: FirmwareVerified, turn: Turn) -> None:
        """L01.FR.03, FR.04."""
        if not self._concerns(verified.update, FirmwareStatus.DOWNLOADED):
            return
        if verified.why is None:
            self._tell(turn, FirmwareStatus.SIGNATURE_VERIFIED)
            return
        self._tell(turn, FirmwareStatus.INVALID_SIGNATURE, verified.why)
        self._record(turn, INVALID_FIRMWARE_SIGNATURE, verified.why)

    # ------------------------------------------------------------------ installation

    def _transaction_runs(self) -> bool:
        return any(evse.transaction is not None for evse in self._evses.values())

    def _install_is_due(self, order: FirmwareUpdateBegun, turn: Turn) -> bool:
        return order.install_at_ms is None or turn.now.utc_ms >= order.install_at_ms

    def _install_if_possible(self, order: FirmwareUpdateBegun, turn: Turn) -> bool:
        """Errata 3.48, 3.49; L01.FR.05, FR.06, FR.16 to FR.18."""
        due = self._install_is_due(order, turn)
        if not due and order.install_at_ms is not None:
            self._waits_until(order.install_at_ms, turn)
        waits = not self._spec.charging_continues and self._transaction_runs()
        if due and self._resetting():
            return False  # a restart in the middle would spoil it: after that restart
        if due and not waits:
            if order.certificate is None and not turn.policy.unsigned_firmware:
                # It was allowed when it was asked for; the security profile was raised since (L01.FR.20).
                self._tell(turn, FirmwareStatus.INSTALLATION_FAILED, "only signed firmware is installed")
                return False
            self._tell(turn, FirmwareStatus.INSTALLING)
            self._busy = True
            turn.do(InstallFirmware(order.number, self._digest))
            return False
        if self.status is FirmwareStatus.INSTALL_SCHEDULED:
            return False
        self._tell(turn, FirmwareStatus.INSTALL_SCHEDULED, "" if not due else "transactions run")
        return True

    def _installation_ended(self, ended: InstallationEnded, turn: Turn) -> None:
        if not self._concerns(ended.update, FirmwareStatus.INSTALLING, FirmwareStatus.INSTALL_REBOOTING):
            return
        match ended.outcome:
            case InstallOutcome.INSTALLED:
                self._installed(turn, ended.version or self._version)
            case InstallOutcome.RESTART | InstallOutcome.REBOOT:
                kind = ResetKind.SOFT if ended.outcome is InstallOutcome.RESTART else ResetKind.IMMEDIATE
                self._restart = kind
                if self._staged is None:
                    machine = kind is ResetKind.IMMEDIATE
                    turn.emit(FirmwareStaged(ended.version, machine, turn.now.utc_ms))
            case InstallOutcome.UNVERIFIED:
                self._tell(turn, FirmwareStatus.INSTALL_VERIFICATION_FAILED, ended.info)
            case InstallOutcome.FAILED:
                self._tell(turn, FirmwareStatus.INSTALLATION_FAILED, ended.info)
            case InstallOutcome.UNKNOWN:
                self._compare_versions(turn)

    def _finish_installation(self, order: FirmwareUpdateBegun, turn: Turn) -> None:
        """Restart into what is staged, when nobody charges any more; after the start look what came of it."""
        if self._restart is None:
            self._once(turn, ConfirmInstallation(order.number))
        elif not self._transaction_runs():
            assert self.last is not None
            kind, self._restart = self._restart, None
            attempt = self.last.attempt + 1
            if attempt > MOST_RESTARTS:
                self._tell(turn, FirmwareStatus.INSTALLATION_FAILED, "the machine does not restart")
                return
            self._tell(turn, FirmwareStatus.INSTALL_REBOOTING, attempt=attempt)  # L01.FR.15
            self._busy = True
            turn.do(Restart(kind))

    def _compare_versions(self, turn: Turn) -> None:
        """The installer cannot tell, but the version that runs does: a roll-back shows in it."""
        order, staged, runs = self.order, self._staged, self._version
        assert order is not None
        expected = staged.version if staged is not None else ""
        if runs == expected or (not expected and runs != order.version):
            self._installed(turn, runs)
        elif staged is not None and staged.machine and not self._rebooted:
            self._restart = ResetKind.IMMEDIATE  # only the program was restarted: the firmware still waits
        else:
            found = f"after the restart version {runs} runs"
            self._tell(
                turn,
                FirmwareStatus.INSTALLATION_FAILED,
                f"{found}, expected was {expected}" if expected else f"{found}, as before",
            )

    def _installed(self, turn: Turn, version: str) -> None:
        self._tell(turn, FirmwareStatus.INSTALLED, version)
        self._record(turn, FIRMWARE_UPDATED, f"version {version}")

    # ------------------------------------------------------------------ nobody begins to charge meanwhile

    def _hold(self, turn: Turn) -> None:
        """Errata 3.49, L01.FR.07, FR.19: free connectors are Unavailable until the firmware is installed, and
        those that become free. Derived anew from the status at every turn: a restart needs nothing else."""
        why, clears_by = self._why_hold(turn)
        for evse in self._evses.values():
            if not why:
                evse.availability.hold = None
                continue
            if evse.availability.hold is None or evse.availability.hold.why != why:
                evse.availability.hold = Hold(why, clears_by, turn.now.utc_ms)
            if evse.transaction is None:
                evse.admission.withdraw()

    def _why_hold(self, turn: Turn) -> tuple[str, str]:
        order = self.order
        if order is None or self.status in FINISHED:
            return "", ""
        if self.status in _PAST_RETURN:
            if self._restart is not None or self.status is FirmwareStatus.INSTALL_REBOOTING:
                return "restarts into new firmware when no transaction runs", "the end of all transactions"
            if not self._spec.charging_continues:
                return "new firmware is being installed", "the end of the installation"
            return "", ""
        waiting = self.status is FirmwareStatus.INSTALL_SCHEDULED
        if waiting and self._install_is_due(order, turn) and not self._spec.charging_continues:
            return "new firmware waits for running transactions to end", "their end, then the installation"
        return "", ""
