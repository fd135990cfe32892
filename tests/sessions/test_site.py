"""A session as a folder for any static host."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from cloudchamber.sessions.container_format import ContainerError
from cloudchamber.sessions.from_recording import MemoryArchive, from_recording
from cloudchamber.sessions.site import SiteError, write_site
from cloudchamber.telemetry.recording import read_recording

FIXTURE = Path(__file__).parents[2] / "playwright/fixtures/smollm2.chamber"


@pytest.fixture(scope="module")
def session() -> MemoryArchive:
    return from_recording(read_recording(FIXTURE))


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page as Vite builds it."""
    directory = tmp_path / "page"
    (directory / "assets").mkdir(parents=True)
    (directory / "assets/index-abc.js").write_text("main()")
    (directory / ".inputs").write_text("hash")
    (directory / "index.html").write_text(
        '<!doctype html>\n<html lang="en">\n  <head>\n    <meta charset="utf-8" />\n'
        '    <script type="module" crossorigin src="./assets/index-abc.js"></script>\n  </head>\n'
        "  <body>\n  </body>\n</html>\n"
    )
    return directory


def test_the_folder_holds_the_page_and_every_part(tmp_path: Path, page: Path, session: MemoryArchive) -> None:
    site = tmp_path / "site"
    size = write_site(site, session, page)
    for name in session.names():
        assert gzip.decompress((site / f"parts/{name}.bin.gz").read_bytes()) == session.part(name)
    index = json.loads((site / "session.json").read_text())
    assert index["parts"] == {name: len(session.part(name) or b"") for name in session.names()}
    assert index["tokens"] == 72
    assert (site / "assets/index-abc.js").read_text() == "main()"
    assert not (site / ".inputs").exists()
    assert size == sum(file.stat().st_size for file in site.rglob("*") if file.is_file())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page", "site"]


def test_the_page_is_told_and_asks_for_nothing_elsewhere(
    tmp_path: Path, page: Path, session: MemoryArchive
) -> None:
    write_site(tmp_path / "site", session, page)
    text = (tmp_path / "site/index.html").read_text()
    assert '<meta name="cloudchamber-session" content="static" />' in text
    assert "default-src 'none'" in text
    assert text.index("charset") < 1024, "browsers look no further for it"
    addresses = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert addresses
    assert all(address.startswith("./") for address in addresses)


def test_a_folder_with_something_in_it_is_left_alone(
    tmp_path: Path, page: Path, session: MemoryArchive
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter").write_text("dear")
    with pytest.raises(SiteError, match="not empty"):
        write_site(tmp_path / "mine", session, page)
    with pytest.raises(SiteError, match="is a file"):
        write_site(tmp_path / "mine/letter", session, page)
    assert (tmp_path / "mine/letter").read_text() == "dear"


def test_an_empty_folder_is_filled(tmp_path: Path, page: Path, session: MemoryArchive) -> None:
    (tmp_path / "site").mkdir()
    write_site(tmp_path / "site", session, page)
    assert (tmp_path / "site/index.html").is_file()


def test_without_a_built_page_nothing_is_made(tmp_path: Path, session: MemoryArchive) -> None:
    with pytest.raises(SiteError, match="not built"):
        write_site(tmp_path / "site", session, tmp_path)
    assert not (tmp_path / "site").exists()


def test_a_failure_leaves_no_folder(tmp_path: Path, page: Path) -> None:
    with pytest.raises(ContainerError, match="no manifest"):
        write_site(tmp_path / "site", MemoryArchive({"timeline": b"x"}), page)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page"]
