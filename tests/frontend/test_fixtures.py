"""The bytes that the front end's decoder is tested on are what the codec makes today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "frontend/test/make_fixtures.py"


def test_fixtures_are_fresh() -> None:
    command = [sys.executable, str(SCRIPT), "--check"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
