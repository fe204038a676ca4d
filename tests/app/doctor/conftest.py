"""An installation in good health, on each database."""

import pytest

from app.db import Database
from app.storage.folder import FolderStore
from tests.app.doctor.installation import Installation


@pytest.fixture
def healthy(database: Database, store: FolderStore) -> Installation:
    """Documents that are ready, in training and waiting, in a folder."""
    installation = Installation(database, store)
    installation.fill()
    return installation
