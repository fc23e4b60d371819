"""Logs as files: what goes into them, and bringing them to the server the CSMS named.

``recent``: the newest frames and messages, in memory. ``masking``: what no log may show. ``writing``: the
files, ``sources``: where their content comes from. ``uploads``: carries out what
``domain.tasks.logs`` decides, beside the event loop.
"""
