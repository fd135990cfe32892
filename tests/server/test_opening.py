"""How far the server is opened: what it refuses, its certificates, proxies, path prefixes."""

from __future__ import annotations

import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from starlette.types import Scope

from cloudchamber.server import addresses, certificates, patience, tls
from cloudchamber.server.app import create_app
from cloudchamber.server.keys import SECRET_VARIABLE, OwnerKey, SecretError, owner_key
from cloudchamber.server.proxy import Proxies, ProxyError, prefix_of
from cloudchamber.server.reach import Reach
from cloudchamber.server.run import Opening, OpeningError, Server, bind, configure, run
from tests.server.serving import OWNER, SECRET, DrivenSession, serving

# ------------------------------------------------------------------------------ refusals


@pytest.fixture(autouse=True)
def _no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(SECRET_VARIABLE, raising=False)
    monkeypatch.setenv("CLOUDCHAMBER_DATA", str(tmp_path / "data"))


def refusal(opening: Opening) -> str:
    with pytest.raises(OpeningError) as raised:
        run(DrivenSession(), opening, browser=False, say=print)  # type: ignore[arg-type]
    return str(raised.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "chamber.example"])
def test_others_are_not_let_in_by_mistake(host: str) -> None:
    said = refusal(Opening(host=host))
    assert "--share" in said
    assert SECRET_VARIABLE in said


def test_a_short_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, "guess me")
    assert "16 at least" in refusal(Opening(host="0.0.0.0"))


@pytest.mark.parametrize("secret", ["päßwort-päßwort-päßwort", "sixteen\x00characters", "b" * 16 + "\udcff"])
def test_a_secret_that_no_header_holds_is_refused(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {SECRET_VARIABLE: secret})
    with pytest.raises(SecretError, match="ASCII"):
        owner_key()


def test_a_line_end_is_no_part_of_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, "0123456789abcdef\r\n")
    assert owner_key().secret == "0123456789abcdef"


def test_as_many_files_may_be_open_as_there_may_be_connections() -> None:
    program = (
        "import resource as r; from cloudchamber.server import run; hard = r.getrlimit(r.RLIMIT_NOFILE)[1];"
        "r.setrlimit(r.RLIMIT_NOFILE, (256, hard)); run._allow_connections();"
        "soft = r.getrlimit(r.RLIMIT_NOFILE)[0]; run._allow_connections();"
        "print(soft == min(hard, run.CONNECTIONS + run.OTHER_FILES) == r.getrlimit(r.RLIMIT_NOFILE)[0])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "True"


@pytest.mark.parametrize(
    ("opening", "says"),
    [
        (Opening(tls_cert=Path("a")), "are for --share"),
        (Opening(share=True, tls_cert=Path("a")), "give both"),
        (Opening(share=True, tls_cert=Path("/nowhere"), tls_key=Path("/nowhere")), "can't be used"),
        (Opening(share=True, tls_cert=Path(__file__), tls_key=Path(__file__)), "can't be used"),
        (Opening(proxies=("nginx",)), "no address"),
        (Opening(prefix="/../x"), "no path prefix"),
        (Opening(names=("https://chamber.example",)), "without scheme"),
        (Opening(names=("ok.example", "chamber.example:8443")), "without scheme"),
        (Opening(names=("",)), "no host name"),
    ],
)
def test_what_makes_no_sense_gets_a_sentence(opening: Opening, says: str) -> None:
    assert says in refusal(opening)


# --------------------------------------------------------------------------- certificates


def test_a_self_signed_certificate_covers_every_name_and_is_kept(tmp_path: Path) -> None:
    hosts = ["localhost", "127.0.0.1", "::1", "chamber.local"]
    made = tls.self_signed(tmp_path, hosts)
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    certificate = x509.load_pem_x509_certificate(made.file.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "chamber.local"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    fingerprint = subprocess.run(
        ["openssl", "x509", "-in", str(made.file), "-noout", "-fingerprint", "-sha256"],
        capture_output=True, text=True, check=True,
    ).stdout.strip().partition("=")[2]  # fmt: skip
    assert any(fingerprint in sentence for sentence in made.said)
    before = made.file.read_bytes()
    assert tls.self_signed(tmp_path, hosts[:2]).file.read_bytes() == before
    assert tls.self_signed(tmp_path, [*hosts, "10.0.0.9"]).file.read_bytes() != before


def test_what_is_said_is_said_letter_by_letter(capsys: pytest.CaptureFixture[str]) -> None:
    from cloudchamber import cli_terminal

    said = "SHA-256 0A:AB:CD:[bold] " + "http://127.0.0.1:8844/?token=" + "x" * 80
    cli_terminal.echo(said)
    assert capsys.readouterr().out == said + "\n"


def test_a_certificate_about_to_end_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tls.self_signed(tmp_path, ["localhost"]).file.read_bytes()
    monkeypatch.setattr(certificates, "RENEW_BEFORE", certificates.VALID)
    assert tls.self_signed(tmp_path, ["localhost"]).file.read_bytes() != before


@contextmanager
def serving_tls(folder: Path, certificate: tls.Certificate) -> Iterator[int]:
    """Serve on 127.0.0.2; gives the port."""
    session: Any = DrivenSession()
    (folder / "index.html").write_text("<!doctype html>")
    bound = bind("127.0.0.2", 0)
    port = bound.getsockname()[1]
    up = threading.Event()
    reach = Reach(host="127.0.0.2", port=port, tls=True)
    server = Server(
        configure(create_app(session, page=folder, key=OwnerKey(SECRET), reach=reach), certificate), up.set
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    assert up.wait(20)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(20)
        bound.close()


def test_https_is_served_with_it_and_origins_must_be_https(tmp_path: Path) -> None:
    certificate = tls.self_signed(tmp_path, ["localhost", "127.0.0.1", "127.0.0.2"])
    context = ssl.create_default_context(cafile=str(certificate.file))
    with serving_tls(tmp_path, certificate) as port:
        base = f"https://127.0.0.2:{port}"
        with httpx.Client(base_url=base, verify=context) as client:
            assert client.get("/healthz").json()["state"] == "ready"
            assert client.get("/api/access").status_code == 401
            cookie = client.get("/", params={"token": SECRET}).headers["set-cookie"]
            assert "Secure" in cookie
            assert client.get("/healthz", headers={"origin": base}).status_code == 200
            assert (
                client.get("/healthz", headers={"origin": base.replace("https", "http")}).status_code == 403
            )
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{base}/healthz")


def test_a_handshake_that_does_not_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "REQUEST_SECONDS", 0.5)
    certificate = tls.self_signed(tmp_path, ["127.0.0.2"])
    with serving_tls(tmp_path, certificate) as port:
        for begun in (b"", b"\x16\x03\x01\x02\x00\x01\x00"):
            with socket.create_connection(("127.0.0.2", port), timeout=5) as made:
                made.sendall(begun)
                start = time.monotonic()
                with suppress(ConnectionError):
                    assert made.recv(100) == b""
                assert 0.3 < time.monotonic() - start < 4


# ------------------------------------------------------------------------ where others find it


def test_bases_are_where_others_find_it() -> None:
    assert addresses.bases("http", "127.0.0.1", 1, [], "") == ()
    assert addresses.bases("http", "localhost", 1, [], "") == ()
    assert addresses.bases("https", "192.168.1.7", 2, ["chamber.example"], "/x") == (
        "https://chamber.example:2/x/",
        "https://192.168.1.7:2/x/",
    )
    assert all("127." not in base for base in addresses.bases("https", "0.0.0.0", 2, [], ""))
    assert "127.0.0.1" in addresses.own_addresses()


# -------------------------------------------------------------------------------- proxies


def scope_from(client: str, **headers: str) -> Scope:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "client": (client, 5), "scheme": "http", "headers": pairs}


FORWARDED = {
    "x_forwarded_for": "203.0.113.9",
    "x_forwarded_proto": "https",
    "x_forwarded_host": "chamber.example",
    "host": "inner:1",
}


def test_only_a_configured_proxy_is_believed() -> None:
    proxies = Proxies(["10.0.0.7", "fd00::/8"])
    for stranger in ("10.0.0.8", "::ffff:10.0.0.8", "127.0.0.1", "::1"):
        scope = scope_from(stranger, **FORWARDED)
        assert proxies.seen_through(scope) is scope
    assert Proxies().seen_through(scope_from("10.0.0.7", **FORWARDED))["scheme"] == "http"
    for ours in ("10.0.0.7", "::ffff:10.0.0.7", "fd00::5"):
        seen = proxies.seen_through(scope_from(ours, **FORWARDED))
        assert (seen["scheme"], seen["client"][0]) == ("https", "203.0.113.9")
        assert dict(seen["headers"])[b"host"] == b"chamber.example"


def test_what_a_client_forwards_itself_is_not_taken_for_the_proxys_word() -> None:
    seen = Proxies(["10.0.0.7"]).seen_through(
        scope_from("10.0.0.7", x_forwarded_for="6.6.6.6, 203.0.113.9", x_forwarded_proto="gopher")
    )
    assert seen["client"][0] == "203.0.113.9"
    assert seen["scheme"] == "http"


def test_prefixes_are_read_strictly() -> None:
    assert prefix_of("") == prefix_of("/") == ""
    assert prefix_of("a/b/") == prefix_of("/a/b") == "/a/b"
    for bad in ("/..", "/a b", "/a?b", "/a%2f"):
        with pytest.raises(ProxyError):
            prefix_of(bad)


@pytest.mark.parametrize("left_on", [True, False])
def test_it_works_under_a_prefix_be_it_taken_off_or_left_on(tmp_path: Path, left_on: bool) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>the page")
    reach = replace(Reach(), prefix="/chamber", proxies=Proxies(["127.0.0.1"]), names=("chamber.example",))
    with serving(DrivenSession(), tmp_path, reach=reach) as address:
        url = f"http://{address}{'/chamber' if left_on else ''}"
        through = {"x-forwarded-proto": "https", "x-forwarded-host": "chamber.example"}
        assert "the page" in httpx.get(f"{url}/", headers=through).text
        cookie = httpx.get(f"{url}/?token={SECRET}", headers=through).headers["set-cookie"]
        assert "Path=/chamber/" in cookie
        assert "Secure" in cookie
        origin = {**through, **OWNER, "origin": "https://chamber.example"}
        assert httpx.get(f"{url}/api/access", headers=origin).status_code == 200
        assert (
            httpx.get(f"{url}/api/access", headers={**origin, "origin": "http://chamber.example"}).status_code
            == 403
        )
        share = httpx.post(f"{url}/api/shares", json={}, headers=origin).json()
        assert httpx.get(f"{url}/{share['path']}api/access", headers=through).json()["right"] == "viewer"
