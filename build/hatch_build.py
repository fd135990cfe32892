"""Hatch's hook: a wheel or an sdist carries the built page, so `pip install .` gives the whole program."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))
import page


class PageHook(BuildHookInterface[Any]):
    """Builds the page when it is missing or older than its sources."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a build. An editable install serves the checkout's own page.

        Raises:
            RuntimeError: there is no page and it can't be built here.
        """
        if version == "editable" or page.is_fresh():
            return
        if not shutil.which("npm"):
            if page.is_built():
                self.app.display_warning(
                    "The page is older than its sources: there is no npm to build it with."
                )
                return
            raise RuntimeError(
                "There is no built page and no npm to build it: install Node.js 20.19 or newer."
            )
        if not (page.ROOT / "node_modules/vite").is_dir():
            self.app.display_info("Installing the page's tools")
            subprocess.run(page.INSTALL, cwd=page.ROOT, check=True)
        self.app.display_info("Building the page")
        subprocess.run(page.BUILD, cwd=page.ROOT / "frontend", check=True)
        page.mark_fresh()
