"""The parts that a request needs, made once a process."""

from dataclasses import dataclass

from app.db import Database
from app.dispatch import Dispatcher
from app.engine.answerer import Answerer
from app.library import Library
from app.rates import Rates
from app.settings import Settings
from app.storage import Store


@dataclass(frozen=True, slots=True)
class Services:
    """What one running API holds. All of it is safe to share between threads."""

    settings: Settings
    database: Database
    store: Store
    dispatcher: Dispatcher
    answerer: Answerer
    rates: Rates
    library: Library
