"""The proxies of `docker/proxy`, with their own programs, in front of a server of this process."""

import datetime
import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.faults.installation import free_port
from tests.waiting import wait_until

NAME = "lift.test"
MAX_BODY = "3m"
_FOLDER = Path(__file__).parents[2] / "docker/proxy"
_AROUND = """
daemon off; error_log stderr warn; pid {folder}/nginx.pid; worker_processes 1;
events {{}}
http {{
    access_log /dev/stdout combined;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/lift.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that runs, and how it is spoken to under its name."""

    https_port: int
    http_port: int
    trusted: Path
    """Certificate of who has signed its own."""
    log: Path

    def client(self, name: str = NAME) -> httpx.Client:
        """Return a client that believes the address to be `name`'s."""
        context = ssl.create_default_context(cafile=self.trusted)
        client = httpx.Client(
            base_url=f"https://127.0.0.1:{self.https_port}",
            headers={"Host": name},
            verify=context,
            trust_env=False,
            timeout=20,
        )
        client.event_hooks["request"].append(_as(name))
        return client


@contextmanager
def running_nginx(upstream: str) -> Iterator[Proxy]:
    """Run nginx with `lift.conf.template`."""
    with _folder("nginx") as folder:
        proxy = Proxy(free_port(), free_port(), folder / "fullchain.pem", folder / "log")
        _write_certificate(folder)
        text = (_FOLDER / "lift.conf.template").read_text(encoding="utf-8")
        changes = {
            "${SERVER_NAME}": NAME,
            "${MAX_BODY}": MAX_BODY,
            "${UPSTREAM}": upstream,
            "listen 8443": f"listen 127.0.0.1:{proxy.https_port}",
            "listen 8080": f"listen 127.0.0.1:{proxy.http_port}",
            "/etc/nginx/certs": str(folder),
        }
        (folder / "lift.conf").write_text(_changed(text, changes))
        user = "user root;" if os.geteuid() == 0 else ""  # who may read the folder
        (folder / "nginx.conf").write_text(user + _AROUND.format(folder=folder))
        with _running(
            ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], proxy, folder
        ):
            yield proxy


@contextmanager
def running_caddy(upstream: str) -> Iterator[Proxy]:
    """Run Caddy with `Caddyfile`; it signs its certificate itself."""
    with _folder("caddy") as folder:
        trusted = folder / "caddy/pki/authorities/local/root.crt"
        proxy = Proxy(free_port(), free_port(), trusted, folder / "log")
        ports = f"http_port {proxy.http_port}\n\thttps_port {proxy.https_port}"
        text = (_FOLDER / "Caddyfile").read_text(encoding="utf-8")
        local = f"admin off\n\tlocal_certs\n\tskip_install_trust\n\t{ports}"
        (folder / "Caddyfile").write_text(_changed(text, {"admin off": local}))
        environment = {
            "SERVER_NAME": NAME,
            "MAX_BODY": f"{MAX_BODY}b",
            "UPSTREAM": upstream,
            "XDG_DATA_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "PATH": os.environ["PATH"],
        }
        command = ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
        with _running(command, proxy, folder, environment):
            yield proxy


PROXIES = {"nginx": running_nginx, "caddy": running_caddy}


def require(program: str) -> None:
    """Skip the test where a program is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed here")


@contextmanager
def _running(
    command: list[str], proxy: Proxy, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    with proxy.log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file, cwd=folder)
    try:
        wait_until(lambda: process.poll() is not None or _answers(proxy))
        assert process.poll() is None, proxy.log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(20)


def _answers(proxy: Proxy) -> bool:
    try:
        with proxy.client() as client:
            client.get("/healthz")
    except (httpx.TransportError, OSError):
        return False
    return True


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f"lift-{name}-", dir="/tmp") as folder:
        yield Path(folder)


def _as(name: str) -> Callable[[httpx.Request], None]:
    def say(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = name

    return say


def _changed(text: str, changes: Mapping[str, str]) -> str:
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def _write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "privkey.pem").write_bytes(secret)
