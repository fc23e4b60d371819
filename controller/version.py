"""The version of this program: the one place where it is written; pyproject.toml reads it from here.

Asking the installed package's metadata instead costs 10 ms of every start on a desktop, and nine modules.
"""

VERSION = "0.1.0"
