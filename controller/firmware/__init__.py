"""The hands of the firmware update: fetching, checking, installing what ``domain.tasks.firmware`` decides.

Owns: files of updates, certificates and signatures of firmware, the port to an installer.
Refuses to know: when what is done (``domain.tasks.firmware``), OCPP.
"""
