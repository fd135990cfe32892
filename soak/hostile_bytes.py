"""A million hostile inputs for each reader of what others send."""

from __future__ import annotations

import json
import subprocess
import sys

from bench.figures import Figure
from soak.fuzz import SLOW, TARGETS

INPUTS = 1_000_000
WHAT = {"commands": "inbound messages", "session": "the session reader", "header": "the GGUF header reader"}


def measure(minutes: float) -> list[Figure]:
    """All targets side by side, each in a process of its own."""
    running = {
        name: subprocess.Popen(
            [sys.executable, "-m", "soak.fuzz", name, str(INPUTS)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in TARGETS
    }
    figures = []
    for name, process in running.items():
        said, errors = process.communicate()
        if process.returncode:
            raise RuntimeError(f"fuzzing {WHAT[name]} ended: {errors[-2000:]}")
        seen = json.loads(said.splitlines()[-1])
        how = "guided by coverage" if seen["guided"] else "mutated blindly: there is no Atheris"
        note = f"{how}; slowest {seen['slowest'] * 1000:.1f} ms"
        for failure in (*seen["crashes"], *seen["hangs"]):
            print(f"{WHAT[name]}: {failure}")
        if seen["inputs"] < INPUTS:
            raise RuntimeError(f"only {seen['inputs']:,} inputs were tried on {WHAT[name]}")
        figures += [
            Figure(
                name=f"{kind} of {WHAT[name]}, {INPUTS:,} inputs",
                value=len(seen[key]),
                unit="",
                reach=0,
                note=note,
            )
            for kind, key in (("crashes", "crashes"), (f"hangs over {SLOW * 1000:.0f} ms", "hangs"))
        ]
    return figures
