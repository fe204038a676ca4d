"""The API as `lift api` runs it, with its sweeper, but without a model: it starts in a second."""

from contextlib import suppress

from app.embedded.api import run_api
from app.embedded.listening import listening
from app.embedded.signals import interrupted_by_signals
from app.main import create_app
from app.settings import Settings
from tests.fakes import FakeAnswerer


def main() -> None:
    """Answer until a signal comes."""
    settings = Settings()
    with interrupted_by_signals(), listening(settings.host, settings.port) as listener:
        run_api(create_app(settings, lambda _: FakeAnswerer()), listener, lambda: None)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
