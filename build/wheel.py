"""Builds the wheel and looks into it: the whole program must be inside, the page too.

Standard library only and Python 3.9.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import bootstrap
from steps import Log, StepError

CONTENTS = {
    "the page": r"cloudchamber/server/page/index\.html$",
    "the page's code": r"cloudchamber/server/page/assets/.+\.js$",
    "the page's style": r"cloudchamber/server/page/assets/.+\.css$",
    "the command": r"cloudchamber/cli\.py$",
    "the licence": r"cloudchamber-.+\.dist-info/licenses/LICENSE$",
    "the notices": r"cloudchamber-.+\.dist-info/licenses/NOTICE$",
}
SHADER = b"@compute"
"""A word of WGSL that the built code must hold: the shaders are bundled in it."""


def missing(names: Iterable[str]) -> list[str]:
    """What of `CONTENTS` is not among the names."""
    names = list(names)
    return [what for what, pattern in CONTENTS.items() if not any(re.match(pattern, n) for n in names)]


def check_wheel(log: Log) -> None:
    """Build the wheel as `pip install .` would and look into it. Raises `StepError`."""
    with tempfile.TemporaryDirectory() as folder:
        log.run([*bootstrap.find_uv(log), "build", "--wheel", "--no-progress", "--out-dir", folder])
        (path,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(path) as wheel:
            lacks = missing(wheel.namelist())
            scripts = [wheel.read(name) for name in wheel.namelist() if name.endswith(".js")]
            if not any(SHADER in script for script in scripts):
                lacks.append("the shaders")
        if lacks:
            raise StepError(f"{path.name} lacks {', '.join(lacks)}.")
        log.lines.append(f"wheel: {path.name} is whole, {path.stat().st_size / 1e6:.2f} MB")
        log.say(log.lines[-1])
