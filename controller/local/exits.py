"""Exit statuses of ``joulepost`` and the error that carries one. No imports: every command loads it.

| status | meaning |
|---|---|
| 0 | done |
| 1 | tried and failed |
| 2 | wrong usage, or a parameter a process does not accept |
| 3 | a process cannot be reached |
| 4 | a configuration file is wrong |
| 5 | understood and refused |
| 75 | of `joulepost controller`: it wants to be started again, after a Reset of the CSMS |
| 130 | interrupted with Ctrl-C |
"""

OK = 0
FAILED = 1
USAGE = 2
UNREACHABLE = 3
CONFIGURATION = 4
REFUSED = 5
RESTART = 75  # EX_TEMPFAIL
INTERRUPTED = 130


class Exit(Exception):
    """End the command with a message on standard error and a status (1..5)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
