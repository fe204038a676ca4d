"""A span for each answer, from the question to its end, with the moment of the first token."""

from collections.abc import Generator
from contextlib import closing

from opentelemetry.trace import StatusCode

from app.engine.answerer import Ask, Piece, Reply
from app.tracing.spans import Value, begin


def traced(
    ask: Ask, pieces: Generator[Piece | Reply, None, None]
) -> Generator[Piece | Reply, None, None]:
    """Give an answer's pieces on as they come; raises what they do."""
    span = begin("answer", {"lift.document_id": ask.document_id})
    has_begun = False
    try:
        with closing(pieces):
            for said in pieces:
                if isinstance(said, Reply):
                    span.set_attributes(_figures(said))
                elif not has_begun:
                    has_begun = True
                    span.add_event("first_token")
                yield said
    except Exception as error:
        span.set_status(StatusCode.ERROR, type(error).__name__)
        raise
    finally:
        span.end()


def _figures(reply: Reply) -> dict[str, Value]:
    figures: dict[str, Value] = {
        "gen_ai.usage.input_tokens": reply.prompt_tokens,
        "gen_ai.usage.output_tokens": reply.completion_tokens,
        "lift.finish_reason": reply.finish_reason,
    }
    if reply.memory_share is not None:
        figures["lift.memory_share"] = reply.memory_share
    return figures
