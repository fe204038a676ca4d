"""One question through transformers' own attention: what every batch has to agree with."""

from collections.abc import Iterator
from contextlib import nullcontext

from app.engine.answerer import Ask, Piece, Reply
from app.engine.prompting import show
from app.engine.saying import Saying
from app.lift.adapter import read_adapter
from app.lift.base_model import BaseModel
from app.lift.generation import decode


def answer_alone(base: BaseModel, ask: Ask) -> Iterator[Piece | Reply]:
    """Answer without a batch, a bank, or anything that was kept."""
    shown = show(base, ask, lambda: base.tokenize(ask.read_text()))
    saying = Saying(ask, base, shown.prompt)
    memory = None
    if ask.adapter:
        with ask.adapter.fetch() as path:
            memory = read_adapter(path, base, ask.adapter.sha256)
    with nullcontext() if memory is None else base.plugged(memory) as trace:
        for step in decode(base, [shown.prompt.ids], saying.choose, trace):
            yield from saying.hear(step)
            if saying.finish_reason:
                break
    yield saying.reply(
        num_dropped_turns=shown.num_dropped_turns,
        swap_seconds=0.0,
        first_token_seconds=0.0,
        total_seconds=0.0,
    )
