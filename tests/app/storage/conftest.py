"""Both kinds of store."""

import pytest

from app.settings import Settings
from app.storage import Store, open_store


@pytest.fixture
def s3_store(s3_settings: Settings) -> Store:
    """An empty store in a bucket."""
    return open_store(s3_settings)


@pytest.fixture(params=["folder", "s3"])
def any_store(request: pytest.FixtureRequest) -> Store:
    """An empty store of each kind in turn."""
    store: Store = request.getfixturevalue({"folder": "store", "s3": "s3_store"}[request.param])
    return store
