"""The session's file that the front end's reader is tested on holds what the script puts there."""

from __future__ import annotations

import runpy
from pathlib import Path

from cloudchamber.sessions.container import open_container

SCRIPT = Path(__file__).parents[2] / "frontend/test/make_session.py"


def test_the_file_is_of_today() -> None:
    made = runpy.run_path(str(SCRIPT))
    with open_container(made["FILE"]) as file:
        assert {name: file.part(name) for name in file.names()} == made["PARTS"]
