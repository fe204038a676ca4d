"""How often a key may call, counted for all API replicas together by the broker's Redis.

Without the Redis nobody is refused: a counter that is away must not take the service with it.
"""

import math
import re
import threading
import time

import structlog
from limits import RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from app.callers import Caller
from app.errors import RateLimitedError

_PATIENCE_SECONDS = 0.5
_LEAVE_ALONE_SECONDS = 5.0  # a Redis that was away is not waited for at every request
_log = structlog.get_logger()


class Rates:
    """Counts the requests of each key within the last minute. Safe to share between threads."""

    def __init__(self, broker_url: str) -> None:
        storage = RedisStorage(
            _redis_url(broker_url),
            key_prefix="lift-rate",
            socket_connect_timeout=_PATIENCE_SECONDS,
            socket_timeout=_PATIENCE_SECONDS,
        )
        self._storage, self._limiter = storage, MovingWindowRateLimiter(storage)
        self._away_until = 0.0
        self._lock = threading.Lock()

    def count(self, caller: Caller) -> None:
        """Count a request.

        Raises:
            RateLimitedError: it is one more than the key may send; it was not counted.
        """
        most = caller.limits.requests_per_minute
        if most is None or time.monotonic() < self._away_until:
            return
        try:
            self._require(RateLimitItemPerMinute(most), caller.key_id or caller.owner)
        except RedisError as error:
            self._leave_alone(error)

    def close(self) -> None:
        """Close all connections."""
        self._storage.storage.close()

    def _require(self, most: RateLimitItemPerMinute, who: str) -> None:
        if self._limiter.hit(most, who):
            return
        wait = self._limiter.get_window_stats(most, who).reset_time - time.time()
        seconds = max(1, math.ceil(wait))
        raise RateLimitedError(
            f"this key may send {most.amount} requests a minute; send the next one in {seconds} "
            "seconds",
            seconds,
            limit=most.amount,
        )

    def _leave_alone(self, error: RedisError) -> None:
        with self._lock:
            is_news = time.monotonic() >= self._away_until
            self._away_until = time.monotonic() + _LEAVE_ALONE_SECONDS
        if is_news:
            _log.warning("requests_uncounted", error=str(error))


def _redis_url(broker_url: str) -> str:
    """Return kombu's form of a URL as the Redis client reads it: sockets have other names."""
    url = re.sub(r"^redis\+socket:", "redis+unix:", broker_url)
    return re.sub(r"(?<=[?&])virtual_host=", "db=", url)
