"""A session as a folder that any static host serves: the page, the parts, and nothing behind them.

    index.html, assets/…       the built page, told by a meta tag where its data is
    session.json               what there is, for people and for the page
    parts/{name}.bin.gz        each part, gzip; the page inflates it

All addresses are relative: the folder works under any path.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from cloudchamber import __version__
from cloudchamber.sessions import archive
from cloudchamber.sessions.archive import Archive, Manifest
from cloudchamber.sessions.container_format import ContainerError, gzip_bytes
from cloudchamber.sessions.container_writer import Progress

INDEX: Final = "session.json"
META: Final = '<meta name="cloudchamber-session" content="static" />'
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
NOT_OPENED: Final = (
    '<p class="stillborn">Your browser runs no page from a folder on disk. '
    "Put the folder on any web server, or run <code>python -m http.server</code> in it.</p>"
)
"""Shown until the page has started, which it does not from `file:`."""


class SiteError(Exception):
    """The folder could not be made; the text is a sentence for a person."""


def write_site(directory: Path, session: Archive, page: Path, progress: Progress | None = None) -> int:
    """Write the session and the page built at `page` to a new folder. Returns its bytes.

    The folder appears whole or not at all. Raises `SiteError`, `OSError`.
    """
    if not (page / "index.html").is_file():
        raise SiteError("The page is not built, so it can't go along. Run `make run` once.")
    _check_free(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
    try:
        building.chmod(0o755)
        _copy_page(page, building)
        _write_parts(building, session, progress or (lambda _done, _all: None))
        if directory.exists():
            directory.rmdir()
        os.replace(building, directory)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())


def _check_free(directory: Path) -> None:
    if not directory.exists():
        return
    if not directory.is_dir():
        raise SiteError(f"{directory} is a file; name a folder.")
    if any(directory.iterdir()):
        raise SiteError(f"The folder {directory} is not empty; name a new one.")


def _copy_page(page: Path, to: Path) -> None:
    shutil.copytree(page, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*", "*.map"))
    index = to / "index.html"
    text = index.read_text(encoding="utf-8")
    head, opened, rest = text.partition("<head>")
    before, body, after = rest.partition("<body>")
    if not (opened and body):
        raise SiteError("The built page is not as expected; build it anew.")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}" />'
    referrer = '<meta name="referrer" content="no-referrer" />'
    metas = "".join(f"\n    {meta}" for meta in (policy, referrer, META))
    index.write_text(f"{head}{opened}{metas}{before}{body}\n    {NOT_OPENED}{after}", encoding="utf-8")


def _write_parts(to: Path, session: Archive, progress: Progress) -> None:
    names = list(session.names())
    sizes: dict[str, int] = {}
    for done, name in enumerate(names):
        progress(done, len(names))
        if not archive.is_part_name(name):
            raise SiteError(f"{name!r} is not the name of a part.")
        body = session.part(name)
        if body is None:
            raise ContainerError(f"The session does not hold the part {name}.")
        file = to / "parts" / f"{name}.bin.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip_bytes(body))
        sizes[name] = len(body)
    manifest = archive.read(session, Manifest, archive.MANIFEST)
    if manifest is None:
        raise ContainerError("The session has no manifest.")
    index = {
        "format": manifest.format,
        "cloudchamber": __version__,
        "title": manifest.title,
        "model": manifest.model.model.name,
        "tokens": manifest.steps,
        "attention_layers": manifest.attention_layers,
        "exact_distributions": manifest.distribution_exact,
        "redacted": manifest.redacted,
        "parts": sizes,
    }
    (to / INDEX).write_text(json.dumps(index, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    progress(len(names), len(names))
