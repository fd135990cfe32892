"""The Chromium that the tests, the bench and the picture drive: finding one, or installing one.

`python3 build/browser.py` prints its path. Standard library only and Python 3.9.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from steps import ROOT, Log, StepError

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
MAC_APPS = ("Chromium.app/Contents/MacOS/Chromium", "Google Chrome.app/Contents/MacOS/Google Chrome")
NOT_THERE = "CHROMIUM={} names no program. Name a Chromium's, or leave it out to have one found."
NONE_TO_BE_HAD = (
    "The page's tests need a real Chromium and none is here or can be installed from here. "
    "Install one (Debian: sudo apt install chromium; macOS: Google Chrome) "
    "or name it: CHROMIUM=/path/to/chromium"
)


def candidates() -> Iterator[str]:
    """Places where a Chromium may be, best first."""
    yield from (path for path in map(shutil.which, NAMES) if path)
    for folder in (Path("/Applications"), Path.home() / "Applications"):
        yield from (str(folder / app) for app in MAC_APPS)
    yield playwrights_own()


def playwrights_own() -> str:
    """Where Playwright puts its own, whether it is there or not; empty without Playwright."""
    if not shutil.which("node") or not (ROOT / "node_modules/playwright-core").is_dir():
        return ""
    script = "process.stdout.write(require('playwright-core').chromium.executablePath())"
    said = subprocess.run(["node", "-e", script], cwd=ROOT, capture_output=True, text=True, check=False)
    return said.stdout


def find() -> str | None:
    """Path of a Chromium, `$CHROMIUM` before all others; None when there is none."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    return next((path for path in candidates() if path and is_browser(path)), None)


def is_browser(path: str) -> bool:
    """It is there and it is not Ubuntu's stub that only asks for a snap."""
    if not os.access(path, os.X_OK):
        return False
    with open(path, "rb") as file:
        head = file.read(4096)
    return not (head.startswith(b"#!") and b"snap install" in head)


def install(log: Log) -> None:
    """Get a Chromium: Debian's own where we may, else Playwright's download.

    Raises:
        StepError: neither worked; the sentence says what a person can do.
    """
    if named := os.environ.get("CHROMIUM"):
        raise StepError(NOT_THERE.format(named))
    if may_use_apt():
        try:
            apt_install(log, "chromium")
        except StepError:
            log.say("Debian's chromium could not be installed; trying Playwright's own")
        if find():
            return
    try:
        log.run([str(ROOT / "node_modules/.bin/playwright"), "install", "chromium"], cwd=ROOT / "playwright")
    except StepError:
        raise StepError(NONE_TO_BE_HAD) from None
    if not find():
        raise StepError(NONE_TO_BE_HAD)


def may_use_apt() -> bool:
    """This is a Debian of a kind, and we are root or may become it without a password."""
    if not shutil.which("apt-get"):
        return False
    if os.geteuid() == 0:
        return True
    return (
        bool(shutil.which("sudo"))
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    )


def apt_install(log: Log, package: str) -> None:
    """Install a Debian package. Raises `StepError`."""
    become_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    quietly = ["env", "DEBIAN_FRONTEND=noninteractive"]
    log.say(f"installing {package} with apt-get")
    log.run([*become_root, *quietly, "apt-get", "update", "-qq"])
    log.run([*become_root, *quietly, "apt-get", "install", "-y", "-qq", "--no-install-recommends", package])


if __name__ == "__main__":
    found = find()
    if not found:
        named = os.environ.get("CHROMIUM")
        print(NOT_THERE.format(named) if named else NONE_TO_BE_HAD, file=sys.stderr)
        raise SystemExit(1)
    print(found)
