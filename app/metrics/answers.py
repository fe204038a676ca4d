"""What those who ask wait for, measured where the API hears the engine, wherever that runs.

The names are vLLM's, with our prefix.
"""

import time
from collections.abc import Generator
from contextlib import closing

from prometheus_client import CollectorRegistry, Counter, Histogram

from app.engine.answerer import Piece, Reply
from app.errors import (
    ApiError,
    EngineBusyError,
    EngineUnavailableError,
    StoreUnavailableError,
)
from app.storage import StoreError

_WAITS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0)
_GAPS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
_SHARES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_ABORTED, _CRASHED = "aborted", "internal_error"


class AnswerMetrics:
    """The answers that one process has made."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._first_token = Histogram(
            "lift_time_to_first_token_seconds",
            "Time from a question to its answer's first token, its wait included.",
            buckets=_WAITS,
            registry=registry,
        )
        self._gap = Histogram(
            "lift_inter_token_latency_seconds",
            "Time between two tokens of an answer.",
            buckets=_GAPS,
            registry=registry,
        )
        self._latency = Histogram(
            "lift_e2e_request_latency_seconds",
            "Time from a question to its answer's end, of answers that ended well.",
            buckets=_WAITS,
            registry=registry,
        )
        self._share = Histogram(
            "lift_memory_share_ratio",
            "Mean gate of answers with a memory: attention that came from it, from 0 to 1.",
            buckets=_SHARES,
            registry=registry,
        )
        self._prompt_tokens = Counter(
            "lift_prompt_tokens",
            "Tokens of the prompts of answers that ended well, those kept from earlier included.",
            registry=registry,
        )
        self._generation_tokens = Counter(
            "lift_generation_tokens", "Tokens that answers said.", registry=registry
        )
        self._successes = Counter(
            "lift_request_success",
            "Answers that ended well, by how: `stop`, or `length` at the most tokens asked for.",
            ["finished_reason"],
            registry=registry,
        )
        self._failures = Counter(
            "lift_request_failures",
            "Questions without a whole answer, by the problem's code; `aborted` by their sender.",
            ["reason"],
            registry=registry,
        )
        for reason in ("stop", "length"):  # told as 0 before the first: a rate needs a beginning
            self._successes.labels(reason)
        for reason in (_ABORTED, EngineBusyError.code, EngineUnavailableError.code):
            self._failures.labels(reason)

    def measured(
        self, pieces: Generator[Piece | Reply, None, None]
    ) -> Generator[Piece | Reply, None, None]:
        """Give an answer's pieces on as they come; raises what they do."""
        began = before = time.perf_counter()
        waited, outcome = self._first_token, _ABORTED
        try:
            with closing(pieces):
                for said in pieces:
                    now = time.perf_counter()
                    if isinstance(said, Reply):
                        outcome = ""
                        self._end(said, now - began)
                    else:
                        waited.observe(now - before)
                        self._generation_tokens.inc()
                        waited, before = self._gap, now
                    yield said
        except Exception as error:
            outcome = _code_of(error)
            raise
        finally:
            if outcome:
                self._failures.labels(outcome).inc()

    def _end(self, reply: Reply, seconds: float) -> None:
        self._latency.observe(seconds)
        self._prompt_tokens.inc(reply.prompt_tokens)
        self._successes.labels(reply.finish_reason).inc()
        if reply.memory_share is not None:
            self._share.observe(reply.memory_share)


def _code_of(error: Exception) -> str:
    """Return what the client is told, one of few words."""
    if isinstance(error, StoreError):
        return StoreUnavailableError.code
    return error.code if isinstance(error, ApiError) else _CRASHED
