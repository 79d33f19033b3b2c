"""What the shell hears. Scripts rely on these numbers; they never change."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every verb. Where several hold, the highest one wins: an unreadable file hides everything else."""

    FINE = 0
    SUBJECT_FAILED = 1
    USAGE = 2
    MISS = 3
    SECRET = 4
    UNREADABLE = 5
