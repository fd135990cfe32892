"""Stands in for mkcert where that is not installed: makes the same files of the same kind.

    CAROOT=DIR mkcert.py -CAROOT
    CAROOT=DIR mkcert.py -cert-file FILE -key-file FILE HOST...

As mkcert 1.4.4 does: an RSA root with a path length of 0, made when there is none, and leaves
without a common name that are valid for 820 days.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.now(datetime.UTC)
USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def usage(*used: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in used for name in USAGES})


def named(*names: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in names])


def write(path: Path, data: bytes, mode: int) -> None:
    if path != Path(os.devnull):
        path.write_bytes(data)
        path.chmod(mode)


def pem(key: rsa.RSAPrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())


def new_root(folder: Path) -> None:
    key = rsa.generate_private_key(65537, 3072)
    name = named(
        (NameOID.ORGANIZATION_NAME, "mkcert development CA"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "someone@somewhere"),
        (NameOID.COMMON_NAME, "mkcert someone@somewhere"),
    )
    root = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + datetime.timedelta(days=3652))
        .add_extension(usage("key_cert_sign"), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "rootCA-key.pem", pem(key), 0o400)
    write(folder / "rootCA.pem", root.public_bytes(serialization.Encoding.PEM), 0o644)


def general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def new_leaf(folder: Path, cert: Path, key_file: Path, hosts: list[str]) -> None:
    root = x509.load_pem_x509_certificate((folder / "rootCA.pem").read_bytes())
    signer = serialization.load_pem_private_key((folder / "rootCA-key.pem").read_bytes(), None)
    assert isinstance(signer, rsa.RSAPrivateKey)
    key = rsa.generate_private_key(65537, 2048)
    subject = named(
        (NameOID.ORGANIZATION_NAME, "mkcert development certificate"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "someone@somewhere"),
    )
    identifier = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + datetime.timedelta(days=820))
        .add_extension(usage("digital_signature", "key_encipherment"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer, critical=False)
        .add_extension(x509.SubjectAlternativeName([general(host) for host in hosts]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    write(cert, leaf.public_bytes(serialization.Encoding.PEM), 0o644)
    write(key_file, pem(key), 0o600)


def main() -> None:
    folder = Path(os.environ["CAROOT"])
    if sys.argv[1:] == ["-CAROOT"]:
        print(folder)
        return
    _, _, cert, _, key, *hosts = sys.argv
    if not (folder / "rootCA.pem").exists():
        new_root(folder)
    new_leaf(folder, Path(cert), Path(key), hosts)


if __name__ == "__main__":
    main()
