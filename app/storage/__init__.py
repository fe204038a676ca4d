"""The store: files under keys, each either whole and durable or absent. Knows no database.

`Store` says what one can do; a folder and an S3 bucket can do it.
"""

from app.storage.keys import (
    adapter_key,
    checkpoint_folder,
    checkpoint_key,
    outline_key,
    source_key,
    text_key,
)
from app.storage.opening import UnsupportedStoreError, open_store
from app.storage.store import DamagedFileError, Store, StoredFile, StoredKey, StoreError

__all__ = [
    "DamagedFileError",
    "Store",
    "StoreError",
    "StoredFile",
    "StoredKey",
    "UnsupportedStoreError",
    "adapter_key",
    "checkpoint_folder",
    "checkpoint_key",
    "open_store",
    "outline_key",
    "source_key",
    "text_key",
]
