"""A store in a bucket of S3, or of a server that speaks its protocol.

An object appears when its last byte is there; every request's body is signed with its hash, which
the server compares. Regions, accounts and further options are the environment's `AWS_` variables,
which the library reads.
"""

import errno
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store as Bucket

from app.clock import new_id
from app.storage.cache import FileCache
from app.storage.incoming import ABANDONED_SECONDS, Incoming, write_all
from app.storage.keys import INCOMING, document_prefix
from app.storage.store import StoredFile, StoredKey, StoreError

if TYPE_CHECKING:
    from obstore.store import RetryConfig, S3Config

_PART_BYTES = 8 * 1024 * 1024
_PARTS_AT_ONCE = 4
_CHUNK_BYTES = 1024 * 1024
_TIMEOUTS = {"connect_timeout": "5s", "read_timeout": "60s", "timeout": "10m"}
_RETRIES: "RetryConfig" = {"max_retries": 5, "retry_timeout": timedelta(seconds=30)}


class S3Store:
    """A `Store` whose keys lie below one prefix of a bucket."""

    def __init__(
        self, bucket: str, prefix: str, endpoint_url: str | None, cache_dir: Path, cache_bytes: int
    ) -> None:
        self._name = bucket
        self._bucket = _open_bucket(bucket, prefix, endpoint_url)
        self._incoming = Incoming(cache_dir / INCOMING)
        self._cache = FileCache(cache_dir, self._incoming, cache_bytes)

    def put(self, key: str, source: BinaryIO) -> StoredFile:
        """Write all that `source` gives under `key`, whole or not at all."""
        with self.incoming() as path:
            stored = write_all(source, path)
            self.publish(path, key)
        return stored

    def incoming(self) -> AbstractContextManager[Path]:
        """Lend a name for a local file in the making; it is gone at the end."""
        return self._incoming.lend()

    def publish(self, path: Path, key: str) -> None:
        """Make a complete file appear under `key`; large ones go in parts.

        Parts of an upload that failed are taken back; those of a killed process stay invisible
        until the bucket's lifecycle rule removes them.
        """
        with self._told("write", key):
            written = obstore.put(
                self._bucket, key, path, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
            )
            kept = obstore.head(self._bucket, key)
        size_bytes = path.stat().st_size
        if kept["e_tag"] == written["e_tag"] and kept["size"] != size_bytes:
            self.delete(key)
            raise StoreError(f"the S3 store kept {kept['size']} of {size_bytes} bytes of {key}")

    def read(self, key: str) -> bytes:
        """Return a file's content; `FileNotFoundError` if there is none."""
        with self._told("read", key):
            return bytes(obstore.get(self._bucket, key).bytes())

    def chunks(self, key: str) -> Iterator[bytes]:
        """Give a file's content piece by piece; `FileNotFoundError` if there is none."""
        with self._told("read", key):
            for chunk in obstore.get(self._bucket, key).stream(_CHUNK_BYTES):
                yield bytes(chunk)

    @contextmanager
    def fetch(self, key: str, sha256: str) -> Iterator[Path]:
        """Lend a verified local copy, brought here once.

        Raises:
            FileNotFoundError: there is none.
            DamagedFileError: what was brought here has not this hash; nothing of it is kept.
        """

        def download(path: Path) -> None:
            with path.open("wb") as file:
                for chunk in self.chunks(key):
                    file.write(chunk)

        with self._cache.lend(key, sha256, download) as path:
            yield path

    def list(self, prefix: str) -> Iterator[StoredKey]:
        """Give all files whose key begins with `prefix` and a slash, in no certain order."""
        with self._told("list", prefix):
            for page in obstore.list(self._bucket, prefix):
                for found in page:
                    yield StoredKey(found["path"], found["size"], found["last_modified"])

    def move(self, key: str, new_key: str) -> None:
        """Put a file under another key; `FileNotFoundError` if there is none."""
        with self._told("move", key):
            obstore.rename(self._bucket, key, new_key)

    def delete(self, key: str) -> None:
        """Remove a file; having none is fine."""
        self._delete([key])

    def delete_document(self, document_id: str) -> None:
        """Remove all files of a document; having none is fine."""
        self._delete([found.key for found in self.list(document_prefix(document_id))])

    def discard_abandoned(self) -> None:
        """Remove what killed processes left a day ago or earlier, here and in the bucket."""
        self._incoming.discard_abandoned()
        oldest = datetime.now(UTC) - timedelta(seconds=ABANDONED_SECONDS)
        self._delete([found.key for found in self.list(INCOMING) if found.modified < oldest])

    def check_writable(self) -> None:
        """Raise `OSError` if no object can be written now."""
        key = f"{INCOMING}/{new_id('tmp')}"
        with self._told("write", key):
            obstore.put(self._bucket, key, b"")
        self._delete([key])

    def _delete(self, keys: Sequence[str]) -> None:
        if keys:
            with self._told("delete", keys[0]):
                obstore.delete(self._bucket, keys)

    @contextmanager
    def _told(self, action: str, key: str) -> Iterator[None]:
        """Say what failed in one line, without the library's: it quotes whole requests."""
        try:
            yield
        except (FileNotFoundError, BaseError) as error:
            if "NoSuchBucket" in str(error):
                raise StoreError(f"the S3 store has no bucket {self._name!r}: make it") from None
            if isinstance(error, FileNotFoundError):
                raise FileNotFoundError(errno.ENOENT, "not in the S3 store", key) from None
            raise StoreError(f"the S3 store cannot {action} {key}: {_reason(error)}") from None


def _open_bucket(name: str, prefix: str, endpoint_url: str | None) -> Bucket:
    # All in one mapping: options of the client given apart would hide those of the environment.
    config: dict[str, Any] = dict(_TIMEOUTS)
    if endpoint_url:
        config["aws_endpoint_url_s3"] = endpoint_url  # goes before other names of an address
        if endpoint_url.startswith("http://"):
            config["allow_http"] = True
    options = cast("S3Config", config)
    return Bucket(name, prefix=prefix or None, config=options, retry_config=_RETRIES)


def _reason(error: BaseError) -> str:
    line = str(error).partition("\n")[0]
    said = line.rpartition(" - ")[2].partition("<")[0].rstrip(": ")
    code = re.search(r"<Code>(\w+)</Code>", str(error))
    return f"{said} ({code[1]})" if code else said
