"""FirmwareStatusNotification and SignedFirmwareStatusNotification (1.6 4.5, 7.25; white paper 5.19, 6.8).

Owns: which of the white paper's statuses the plain message has a word for.

An update with a request id came by SignedUpdateFirmware and is told with every status and that id (L01.FR.01,
FR.10). A plain one is told with the six words of 1.6; what has none there is a step in between and not told.
"""

from __future__ import annotations

from controller.csms.rpc import Call
from controller.csms.wire import Payload
from controller.domain.events import FirmwareStatus, FirmwareStatusChanged
from controller.domain.views import Progress

_PLAIN = {
    FirmwareStatus.DOWNLOADING: "Downloading",
    FirmwareStatus.DOWNLOADED: "Downloaded",
    FirmwareStatus.DOWNLOAD_FAILED: "DownloadFailed",
    FirmwareStatus.INSTALLING: "Installing",
    FirmwareStatus.INSTALLED: "Installed",
    FirmwareStatus.INSTALLATION_FAILED: "InstallationFailed",
    FirmwareStatus.INSTALL_VERIFICATION_FAILED: "InstallationFailed",
    FirmwareStatus.INVALID_SIGNATURE: "InstallationFailed",
}

# For a report that was asked for, the nearest word. A download that has not begun keeps nothing busy.
_REPORTED = {
    **{status.value: name for status, name in _PLAIN.items()},
    FirmwareStatus.IDLE.value: "Idle",
    FirmwareStatus.DOWNLOAD_SCHEDULED.value: "Idle",
    FirmwareStatus.DOWNLOAD_PAUSED.value: "Downloading",
    FirmwareStatus.SIGNATURE_VERIFIED.value: "Downloaded",
    FirmwareStatus.INSTALL_SCHEDULED.value: "Downloaded",
    FirmwareStatus.INSTALL_REBOOTING.value: "Installing",
}


def status_notification(event: FirmwareStatusChanged) -> Call | None:
    """The message of a status, None where 1.6 has no word for it or was told before."""
    if event.request_id is not None:
        payload: Payload = {"status": event.status.value, "requestId": event.request_id}
        return Call("SignedFirmwareStatusNotification", payload)
    name = _PLAIN.get(event.status)
    return None if name is None or event.again else Call("FirmwareStatusNotification", {"status": name})


def report(progress: Progress) -> Call:
    """Asked for by a TriggerMessage (1.6 5.17)."""
    return Call("FirmwareStatusNotification", {"status": _REPORTED[progress.status]})
