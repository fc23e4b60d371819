"""Files from and to a server over HTTP, HTTPS, FTP and FTPS.

Owns: moving the bytes: resuming, time-outs, limits, TLS, credentials, and saying in plain words why not.
Refuses to know: what is in a file, when to try again (``domain.tasks.transfers.Attempts``), OCPP.

    got = await download(parse_location(url), storage / "image.bin", Options(ca_files=(roots,)))
    await upload(path, parse_location(url), name="log.gz", options)

Decisions, written down because the standards leave them open:

- *Uploads over HTTP* are a PUT of the file (2.0.1 N01.FR.18). A location that ends in "/" names a directory:
  the file's name is appended. A server that answers 405 or 501 gets a POST to the location as it was given,
  as multipart/form-data with the file's name (N01.FR.19).
- *Uploads over FTP*: a location that ends in "/", or that the server can change into, is a directory.
- *Paths over FTP* count from where the log-in leads; "//" at the beginning is the server's root (RFC 1738).
- *ftps* means AUTH TLS on port 21 or any other (RFC 4217), but TLS from the first byte on port 990.
- *FTP is passive*: the station connects, the server never has to reach the station.
- *Credentials* are those in the URL: Basic for HTTP. Other schemes, proxies and sftp are not supported.
- *Trust*: the system's roots and those given (N01.FR.15, N01.FR.16). Verification cannot be switched off.
- *Redirects* lead from http and https to http and https, never from https to http; credentials stay with the
  server they are for.
- *Resuming* a download needs proof that the file is still the same: a strong ETag or Last-Modified, or size
  and time from an FTP server. Without it the download begins anew. An upload is resumed over FTP only.
- A file appears under its name when it is complete and on disk; until then it is ``<name>.part``.

``http.client``, ``ftplib`` and ``ssl`` are imported when a transfer begins.
"""

from __future__ import annotations

from controller.transfer.errors import TransferError
from controller.transfer.options import Options, Progress
from controller.transfer.run import Downloaded, Uploaded, download, forget_download, upload

__all__ = [
    "Downloaded",
    "Options",
    "Progress",
    "TransferError",
    "Uploaded",
    "download",
    "forget_download",
    "upload",
]
