"""The effects that the station asks for, each given to the part that can do it.

Owns: the table from effect to what is done about it, and what is done where there is no CSMS or no installer.
Refuses to know: how any of it is done, and when (``domain``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from controller.certificates.keeper import CertificateKeeper
from controller.clock import Clock
from controller.csms.client import Client
from controller.domain.effects import (
    AskAuthorize,
    AskSignature,
    CancelUpload,
    CheckSigningCertificate,
    ConfirmInstallation,
    DropFirmware,
    DropLog,
    Effect,
    ExamineCertificate,
    FetchFirmware,
    ForgetSecurityLog,
    ForgetTokens,
    InstallFirmware,
    MakeSigningRequest,
    ReadMeter,
    RemoveCertificate,
    Restart,
    Send,
    ShowIndicator,
    StoreCertificate,
    StoreLocalList,
    UploadLog,
    UseClientCertificate,
    VerifyFirmware,
)
from controller.domain.inputs import AuthorizeAnswered, Input, TokensStored
from controller.logs.uploads import Uploads
from controller.peripherals import Peripherals
from controller.restart import Restarter
from controller.settings.catalog import SECURITY_PROFILE
from controller.settings.settings import Settings
from controller.store.ports import SecurityLog, StorageError, TokenTables
from controller.tasks import Tasks

if TYPE_CHECKING:
    from controller.firmware.updater import Updater

Do = Callable[[Any], object]


class Hands:
    """``perform`` returns at once: what takes time goes on in a task, and its result comes as an input."""

    def __init__(
        self,
        *,
        take: Callable[[Input], object],
        tasks: Tasks,
        settings: Settings,
        clock: Clock,
        peripherals: Peripherals,
        tokens: TokenTables,
        security_log: SecurityLog,
        certificates: CertificateKeeper,
        uploads: Uploads,
        restarter: Restarter,
        client: Client | None,
        updater: Updater | None,
        say: Callable[[str], None],
    ) -> None:
        """``client`` None: there is no CSMS. ``updater`` None: no installer, so that the station asks for
        nothing of it."""
        self._take = take
        self._tasks = tasks
        self._settings = settings
        self._clock = clock
        self._tokens = tokens
        self._security_log = security_log
        self._certificates = certificates
        self._say = say
        self._table: Mapping[type[Effect], Do] = {
            ReadMeter: lambda effect: peripherals.read_meter(effect.evse_id),
            ShowIndicator: lambda effect: peripherals.show(effect.evse_id, effect.state),
            ForgetTokens: self._forget_tokens,
            StoreLocalList: self._store_list,
            Restart: lambda effect: tasks.begin(restarter.restart(effect.kind)),
            ExamineCertificate: self._certify,
            StoreCertificate: self._certify,
            RemoveCertificate: self._certify,
            UploadLog: uploads.perform,
            CancelUpload: uploads.perform,
            DropLog: uploads.perform,
            ForgetSecurityLog: self._forget_security_log,
            **(self._alone() if client is None else self._with(client)),
            **({} if updater is None else dict.fromkeys(_OF_FIRMWARE, updater.perform)),
        }

    def _with(self, client: Client) -> dict[type[Effect], Do]:
        """Where there is a CSMS."""
        begin = self._tasks.begin

        def make_request(effect: MakeSigningRequest) -> None:
            """Answer first, then the message (white paper A02): the request is made after the answer."""
            client.after_answer(lambda: self._certify(effect))

        def use_certificate(_effect: UseClientCertificate) -> None:
            """White paper A02.FR.08: switch to it now, if connections are made with one (profile 3)."""
            if self._settings[SECURITY_PROFILE] == 3:
                client.after_answer(
                    lambda: _nothing(begin(client.reconnect("another client certificate is used")))
                )

        return {
            AskAuthorize: lambda effect: begin(client.authorize(effect)),
            AskSignature: lambda effect: begin(client.sign(effect)),
            Send: client.perform,
            MakeSigningRequest: make_request,
            UseClientCertificate: use_certificate,
        }

    def _alone(self) -> dict[type[Effect], Do]:
        """Where there is none: nobody to ask, nothing to send."""
        return {
            AskAuthorize: lambda effect: self._tasks.begin(self._nobody_to_ask(effect)),
            AskSignature: _nothing,
            Send: _nothing,
            MakeSigningRequest: self._certify,
            UseClientCertificate: _nothing,
        }

    def perform(self, effect: Effect) -> None:
        """Raises ``TypeError`` for an effect that this station cannot ask for."""
        do = self._table.get(type(effect))
        if do is None:
            raise TypeError(f"no effect {effect!r}")
        do(effect)

    # ------------------------------------------------------------------ one by one

    async def _nobody_to_ask(self, ask: AskAuthorize) -> None:
        self._take(AuthorizeAnswered(ask.ask_id, None))

    def _certify(
        self, effect: ExamineCertificate | StoreCertificate | RemoveCertificate | MakeSigningRequest
    ) -> None:
        self._tasks.begin(self._certificates.carry_out(effect))

    def _forget_tokens(self, effect: ForgetTokens) -> None:
        self._change_tokens(effect.number, self._tokens.forget_all)

    def _store_list(self, effect: StoreLocalList) -> None:
        update, now_ms = effect.update, self._clock.now().utc_ms
        self._change_tokens(
            effect.number,
            partial(self._tokens.update_list, update.version, update.full, update.entries, now_ms),
        )

    def _change_tokens(self, number: int, change: Callable[[], None]) -> None:
        """Durable when the station hears of it, or not done at all."""
        why = None
        try:
            change()
        except StorageError as error:
            why = str(error)
            self._say(f"tokens: {error}")
        self._take(TokensStored(number, why))

    def _forget_security_log(self, _effect: ForgetSecurityLog) -> None:
        try:
            self._security_log.clear()
        except StorageError as error:
            self._say(f"security log: {error}")


_OF_FIRMWARE: tuple[type[Effect], ...] = (
    CheckSigningCertificate,
    FetchFirmware,
    VerifyFirmware,
    InstallFirmware,
    ConfirmInstallation,
    DropFirmware,
)


def _nothing(_done: object) -> None:
    """There is nobody whom it would concern."""
