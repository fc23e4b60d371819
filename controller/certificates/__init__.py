"""Certificates on disk, and what the rest of the program may have of them.

``ports``: what others use. ``x509``: reading and making certificates and requests, by ``cryptography``.
``store``: the files. ``keeper``: carries out what ``domain.security.certificates`` decides,
beside the event loop.
"""
