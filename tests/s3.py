"""A real server that speaks S3's protocol, moto's, on a loopback port of this process."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, ClassVar, NamedTuple, Self
from urllib.request import Request, urlopen

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

ACCOUNT, SECRET = "an-account", "sEcReT-oF-tHe-AcCoUnT"  # no message may say them


class Asked(NamedTuple):
    """A request that came in."""

    method: str
    path: str
    query: str


class S3Server:
    """What runs; it can be told to answer badly."""

    environment: ClassVar = {
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }
    """What a client needs to have set."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.healed()
        self._application = DomainDispatcherApplication(create_backend_app)
        self._server = make_server(address, 0, self._answer, threaded=True, request_handler=_Silent)
        self._thread = threading.Thread(target=self._server.serve_forever, name="s3", daemon=True)
        self.url = f"http://{address}:{self._server.port}"

    def healed(self) -> Self:
        """Forget what was asked, and answer well."""
        self.asked: list[Asked] = []
        self.refuses: Callable[[Asked], bool] = lambda _: False
        """Which requests get `refusal` as their answer."""
        self.refusal = ("500 Internal Server Error", b"")
        self.loses_a_byte: Callable[[Asked], bool] = lambda _: False
        """Of which requests' bodies the last byte is lost on the way."""
        return self

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Refuse all further connections."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def make_bucket(self, name: str) -> None:
        """Make an empty bucket."""
        with urlopen(Request(f"{self.url}/{name}", method="PUT")) as response:
            assert response.status == 200

    def unfinished_uploads(self, bucket: str) -> bytes:
        """Return the server's list of uploads in parts that were neither ended nor taken back."""
        with urlopen(f"{self.url}/{bucket}?uploads") as response:
            content: bytes = response.read()
        return content

    def num_asked(self, method: str, end: str) -> int:
        """Count the requests of a method whose path ends so."""
        return sum(asked.method == method and asked.path.endswith(end) for asked in self.asked)

    def _answer(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        asked = Asked(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"])
        self.asked.append(asked)
        if self.refuses(asked):
            status, body = self.refusal
            start_response(status, [("Content-Length", str(len(body)))])
            return [body]
        if self.loses_a_byte(asked):
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))[:-1]
            environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return self._application(environ, start_response)


@contextmanager
def running_s3(address: str = "127.0.0.1") -> Iterator[S3Server]:
    """Run a server without buckets."""
    server = S3Server(address)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class _Silent(WSGIRequestHandler):
    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing: the tests look at `asked`."""
