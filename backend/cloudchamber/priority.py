"""Work that is for later gives way to all that is for now."""

from __future__ import annotations

import contextlib
import os


def be_modest() -> None:
    """Have this process compute, and read the disk, only when nobody else does, where the system can."""
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    import psutil

    if hasattr(psutil, "IOPRIO_CLASS_IDLE"):
        with contextlib.suppress(psutil.Error, OSError):
            psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
