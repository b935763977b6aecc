"""Certificates of a test's own making, good or not, by the openssl command."""

import ssl
import subprocess
from pathlib import Path

import pytest

_SETTINGS = """
[ca]
default_ca = d
[d]
database = {directory}/index.txt
serial = {directory}/serial
new_certs_dir = {directory}
default_md = sha256
policy = p
x509_extensions = e
[p]
commonName = supplied
[e]
subjectAltName = IP:{address}
basicConstraints = CA:TRUE
"""


def certificate(
    directory: Path,
    *,
    start: str = "20200101000000Z",
    end: str = "20600101000000Z",
    address: str = "127.0.0.1",
) -> tuple[Path, ssl.SSLContext]:
    """A certificate for `address` that signs itself, good from `start` to `end`, and what a server with it speaks."""
    key, request, made = (directory / name for name in ("key.pem", "request.pem", "certificate.pem"))
    settings = directory / "ca.cnf"
    settings.write_text(_SETTINGS.format(directory=directory, address=address))
    (directory / "index.txt").touch()
    (directory / "serial").write_text("01\n")
    _openssl("req -new -newkey rsa:2048 -nodes -subj /CN=localhost -keyout", key, "-out", request)
    _openssl(
        f"ca -batch -selfsign -notext -startdate {start} -enddate {end} -config",
        settings, "-keyfile", key, "-in", request, "-out", made,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    return made, context


def _openssl(options: str, *more: Path | str) -> None:
    try:
        subprocess.run(["openssl", *options.split(), *more], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs the openssl command to make a certificate")
