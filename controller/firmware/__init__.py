"""The hands of the firmware update: fetching, checking and installing what ``domain.firmware`` decides on.

Owns: files of updates, certificates and signatures of firmware, the port to an installer.
Refuses to know: when what is done (``domain.firmware``), OCPP.
"""
