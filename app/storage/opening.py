"""Which store a URL names."""

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from app.settings import Settings
from app.storage.folder import FolderStore
from app.storage.store import Store

if TYPE_CHECKING:
    from app.storage.s3 import S3Store

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class UnsupportedStoreError(ValueError):
    """The store's URL is not one this version can use."""


def open_store(settings: Settings) -> Store:
    """Open the store that the settings name; nothing is read or written yet.

    Raises:
        UnsupportedStoreError: the URL is neither `file:///path` nor `s3://bucket/prefix`, or an
            `AWS_` variable is no good.
    """
    parts = urlsplit(settings.resolved_store_url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return FolderStore(Path(unquote(parts.path)))
    if parts.scheme == "s3" and _BUCKET.fullmatch(parts.netloc):
        return _open_s3(parts, settings)
    raise UnsupportedStoreError(
        "cannot use LIFT_STORE_URL as the store: it has to be file:// with an absolute path, such "
        "as file:///var/lib/lift/store, or s3://bucket/prefix"
    )


def _open_s3(parts: SplitResult, settings: Settings) -> "S3Store":
    from obstore.exceptions import BaseError  # here: a folder needs no such library

    from app.storage.s3 import S3Store

    try:
        return S3Store(
            parts.netloc,
            parts.path.strip("/"),
            settings.s3_endpoint_url,
            settings.data_dir.resolve() / "cache",
            settings.cache_bytes,
        )
    except (BaseError, ValueError) as error:
        raise UnsupportedStoreError(
            f"cannot use the bucket {parts.netloc!r} as the store; look at LIFT_S3_ENDPOINT_URL "
            "and the AWS_ variables"
        ) from error
