"""The HTTP side without a model: health, the page, what is immutable and how it is encoded."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import zstandard

from cloudchamber.server.routes import best_encoding
from tests.server.serving import OWNER, DrivenSession, get, serving


@pytest.fixture
def session() -> DrivenSession:
    return DrivenSession()


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<!doctype html>the page")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "app-1234.js").write_text("1")
    return tmp_path


@pytest.fixture
def url(session: DrivenSession, page: Path) -> Iterator[str]:
    with serving(session, page) as address:
        yield f"http://{address}"


def test_health_is_503_until_the_page_can_be_used(url: str, session: DrivenSession, page: Path) -> None:
    for state, status in (("starting", 503), ("ready", 200), ("failed", 200), ("dead", 200), ("empty", 200)):
        session.state = state  # type: ignore[assignment]
        response = httpx.get(f"{url}/healthz")
        assert response.status_code == status
        assert response.json() | {"version": ""} == {
            "version": "",
            "model": "Tiny",
            "state": state,
            "page": True,
        }
    (page / "index.html").unlink()
    assert httpx.get(f"{url}/healthz").status_code == 503


def test_the_page_is_asked_for_anew_and_its_hashed_files_are_not(url: str) -> None:
    index = httpx.get(f"{url}/")
    assert "the page" in index.text
    assert index.headers["cache-control"] == "no-cache"
    assert httpx.get(f"{url}/", headers={"if-none-match": index.headers["etag"]}).status_code == 304
    asset = httpx.get(f"{url}/assets/app-1234.js")
    assert "immutable" in asset.headers["cache-control"]
    assert "javascript" in asset.headers["content-type"]
    assert httpx.get(f"{url}/assets/none.js").status_code == 404
    assert "immutable" not in httpx.get(f"{url}/assets/none.js").headers.get("cache-control", "")
    assert httpx.post(f"{url}/").status_code == 405


@pytest.mark.parametrize(
    "path", ["/../routes.py", "/%2e%2e/routes.py", "/assets/..%2f..%2froutes.py", "//etc/passwd"]
)
def test_nothing_outside_the_page_is_served(url: str, path: str) -> None:
    assert httpx.get(url + path).status_code == 404


def test_a_page_that_is_not_built_says_how_to_build_it(session: DrivenSession, tmp_path: Path) -> None:
    with serving(session, tmp_path / "nowhere") as address:
        response = httpx.get(f"http://{address}/")
        assert response.status_code == 503
        assert "make run" in response.text


def test_models_are_listed(url: str) -> None:
    assert get(f"{url}/api/models").json()["models"][0]["name"] == "Tiny"


@pytest.mark.parametrize(("accepted", "used"), [("identity", ""), ("gzip", "gzip"), ("gzip, zstd", "zstd")])
def test_bodies_are_compressed_as_the_client_likes(
    url: str, session: DrivenSession, accepted: str, used: str
) -> None:
    body = bytes(range(256)) * 100
    session.bodies = {"abc": body, "abc/pca": body}
    for path in ("/api/vocabulary/abc", "/api/positions/abc/pca"):
        with httpx.stream("GET", url + path, headers={**OWNER, "accept-encoding": accepted}) as response:
            raw = b"".join(response.iter_raw())
        assert response.headers.get("content-encoding", "") == used
        assert response.headers["vary"] == "accept-encoding"
        assert "immutable" in response.headers["cache-control"]
        unpack: dict[str, Callable[[bytes], bytes]] = {
            "": bytes,
            "gzip": gzip.decompress,
            "zstd": zstandard.ZstdDecompressor().decompress,
        }
        assert unpack[used](raw) == body
    assert get(f"{url}/api/vocabulary/other").status_code == 404


def test_encodings_are_chosen_by_what_is_accepted() -> None:
    assert best_encoding("") == ""
    assert best_encoding("br, gzip;q=0.5") == "gzip"
    assert best_encoding("zstd;q=0, gzip") == "gzip"
    assert best_encoding("*") == "zstd"
    assert best_encoding("gzip;q=zero") == ""
