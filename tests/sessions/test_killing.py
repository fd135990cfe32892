"""A process that records may be killed at any moment: see `killing.py`."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KILLS = 200
LOST_SECONDS = 0.25


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_killed_at_any_moment_it_loses_a_quarter_of_a_second_at_most(tmp_path: Path) -> None:
    seed = secrets.randbelow(1 << 31)
    command = [sys.executable, "-m", "tests.sessions.killing", str(tmp_path), str(KILLS), str(seed)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"seed {seed}: {run.stderr}"
    said = json.loads(run.stdout.splitlines()[-1])
    assert said["kills"] == KILLS
    assert said["lost"] <= LOST_SECONDS, f"seed {seed}: {said}"
