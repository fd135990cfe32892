"""Set up what a bare checkout lacks: `python3 build/bootstrap.py [python] [node] [page] [browser]`.

Each part is skipped when it is fresh, which takes well under a second. Standard library only
and Python 3.9: it runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable

import browser
import page
from steps import ROOT, Log, Schedule, Step, StepError, report

VENV = ROOT / ".venv"
TOOLS = ROOT / ".venv-tools"
NODE_OLDEST = (20, 19)
ON_MAC = sys.platform == "darwin"


def locked(*names: str) -> str:
    """Content hash of the files that pin what gets installed."""
    digest = hashlib.sha256()
    for name in names:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


# ------------------------------------------------------------------------------------ Python


def python_lock() -> str:
    return locked("pyproject.toml", "uv.lock", ".python-version")


def python_fresh() -> bool:
    stamp = VENV / ".locked"
    return (VENV / "bin/cloudchamber").exists() and stamp.is_file() and stamp.read_text() == python_lock()


def install_python(log: Log) -> None:
    """The locked Python packages in .venv, llama.cpp compiled among them."""
    need_compiler()
    uv = find_uv(log)
    log.say("installing the locked packages; llama.cpp is compiled, which takes minutes the first time")
    environment = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
    log.run([*uv, "sync", "--frozen", "--no-progress"], env=environment)
    (VENV / ".locked").write_text(python_lock())


def need_compiler() -> None:
    if (VENV / "bin/python").exists() and list(VENV.glob("lib/python*/site-packages/llama_cpp_python-*")):
        return
    names = [os.environ["CXX"].split()[0]] if os.environ.get("CXX") else ["c++", "g++", "clang++"]
    if not any(shutil.which(name) for name in names):
        how = "xcode-select --install" if ON_MAC else "sudo apt install build-essential"
        raise StepError(f"llama.cpp is compiled here and there is no C++ compiler. Install one: {how}")


def find_uv(log: Log) -> list[str]:
    """The command that runs uv: the one on the PATH, or one of our own, put in with pip."""
    if shutil.which("uv"):
        return ["uv"]
    own = TOOLS / "bin/uv"
    if not own.exists():
        log.say("there is no uv: putting one in .venv-tools with pip")
        make_tools_environment(log)
        log.run([str(TOOLS / "bin/python"), "-m", "pip", "install", "--quiet", "uv>=0.9"])
    return [str(own)]


def make_tools_environment(log: Log) -> None:
    """An environment of its own, since a system Python refuses pip outside one (PEP 668)."""
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(TOOLS)], check=True, capture_output=True)
        return
    except subprocess.CalledProcessError:
        if ON_MAC or not browser.may_use_apt():
            raise StepError(
                "This Python can't make environments. Install uv (https://docs.astral.sh/uv/), "
                "or on Debian: sudo apt install python3-venv"
            ) from None
    browser.apt_install(log, "python3-venv")
    log.run([sys.executable, "-m", "venv", "--clear", str(TOOLS)])


# -------------------------------------------------------------------------------------- Node


def node_fresh() -> bool:
    stamp = ROOT / "node_modules/.locked"
    return stamp.is_file() and stamp.read_text() == locked("package-lock.json")


def install_node(log: Log) -> None:
    """The locked npm packages in node_modules."""
    need_node()
    log.run(page.INSTALL)
    (ROOT / "node_modules/.locked").write_text(locked("package-lock.json"))


def need_node() -> None:
    wanted = ".".join(map(str, NODE_OLDEST))
    how = "brew install node" if ON_MAC else "from https://nodejs.org, or sudo apt install nodejs npm"
    if not shutil.which("node") or not shutil.which("npm"):
        raise StepError(
            f"The page is built with Node.js and npm, which are not here. Install {wanted} or newer: {how}"
        )
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", said)
    if not found or (int(found[1]), int(found[2])) < NODE_OLDEST:
        raise StepError(
            f"Node.js {wanted} or newer is needed and this is {said.strip() or 'unknown'}. Install it: {how}"
        )


def build_page(log: Log) -> None:
    """The page, in the place where the server and the wheel look for it."""
    log.run(page.BUILD, cwd=ROOT / "frontend")
    page.mark_fresh()


# ------------------------------------------------------------------------------------ all of it


def steps(wanted: Iterable[str]) -> list[Step]:
    """The steps that are needed for the wanted parts: fresh ones are left out."""
    wanted = set(wanted)
    out = []
    if "python" in wanted and not python_fresh():
        out.append(Step("python", install_python, while_waiting="compiling llama.cpp"))
    if "node" in wanted and not node_fresh():
        out.append(Step("node", install_node))
    if "page" in wanted and not page.is_fresh():
        out.append(Step("page", build_page, needs=[s.name for s in out if s.name == "node"]))
    if "browser" in wanted and browser.find() is None:
        out.append(Step("browser", browser.install, needs=[s.name for s in out if s.name == "node"]))
    return out


def main(wanted: Iterable[str]) -> int:
    todo = steps(wanted)
    if not todo:
        return 0
    started = time.monotonic()
    print(f"Setting up: {', '.join(step.name for step in todo)}", flush=True)
    code = report(Schedule(todo).run())
    if code == 0:
        print(f"Set up in {time.monotonic() - started:.0f} s", flush=True)
    return code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:] or ["python", "node", "page"]))
