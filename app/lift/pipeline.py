"""The whole method on one screen: a text goes in, a trained memory comes out."""

from collections.abc import Sequence
from dataclasses import replace

from app.lift.adapter import Lifted
from app.lift.auxiliary import synthesise
from app.lift.base_model import BaseModel
from app.lift.changes import Span, overlaps
from app.lift.config import MethodConfig
from app.lift.earlier import Earlier
from app.lift.errors import DocumentError
from app.lift.examples import TrainingData
from app.lift.former import Former
from app.lift.kinds import form_of
from app.lift.observer import Observer, QAPair, Stage
from app.lift.reader import Reader
from app.lift.segments import cut_segments
from app.lift.sentences import is_full, split_sentences
from app.lift.trainer import train_memory


def lift_document(
    text: str,
    base: BaseModel,
    method: MethodConfig,
    observer: Observer,
    reader: Reader | None = None,
    earlier: Earlier | None = None,
    former: Former | None = None,
) -> Lifted:
    """Train the memory of one document (paper, section 3), from a reader if there is one.

    With the memory of a former text of it, only what has changed is learnt, from there.

    The same text, base model, settings and machine give the same memory, in one go or from where an
    earlier lift stopped. What the observer raises ends the lift.

    Raises:
        CheckpointError: the earlier lift's checkpoint is damaged or of another training.
        DocumentError: the text is empty, or the settings exceed what the base model can read.
        MemoryFormError: the base model cannot carry a memory of the kind and rank asked for.
    """
    require_fit(base, method)
    earlier = earlier or Earlier()
    data = prepare(text, base, method, spans=former.to_study(text, method) if former else None)
    observer.stage_started(Stage.SEGMENT, len(data.segments), "segments")
    observer.progressed(len(data.segments))
    asked, num_tokens = _asked_about(base, data, former)
    written = synthesise(base, text, asked, num_tokens, method, observer, earlier)
    pairs = [pair for pair in written if not pair.is_held_back]
    held_back = tuple(pair for pair in written if pair.is_held_back)
    data = replace(data, pairs=pairs)
    settings = former.settings(method) if former else method
    start = former or reader
    memory, history = train_memory(base, data, settings, observer, start, earlier.checkpoint)
    return Lifted(
        memory=memory,
        base=base,
        method=method,
        num_tokens=len(data.tokens),
        num_qa_pairs=len(pairs),
        tokens_processed=sum(step.tokens for step in history),
        losses=tuple(step.loss for step in history),
        held_back=held_back,
        reader_sha256=reader.sha256 if reader and not former else None,
        former_sha256=former.sha256 if former else None,
    )


def _asked_about(
    base: BaseModel, data: TrainingData, former: Former | None
) -> tuple[Sequence[Span], int]:
    """Return what pairs are written about, and its tokens: what the former memory has not met."""
    if former is None:
        return [Span(0, len(data.text))], len(data.tokens)
    pieces = (data.text[span.start : span.end] for span in former.new)
    return former.new, sum(len(base.tokenize(piece)) for piece in pieces)


def prepare(
    text: str,
    base: BaseModel,
    method: MethodConfig,
    pairs: Sequence[QAPair] = (),
    spans: Sequence[Span] | None = None,
) -> TrainingData:
    """Cut a text into what training shows of it; raises `DocumentError` if there is none.

    With `spans`, only these are learnt, behind contexts of the whole.
    """
    tokens = base.tokenize(text)
    if not tokens:
        raise DocumentError("the document holds no text")
    sentences = [
        sentence.line
        for sentence in split_sentences(text)
        if is_full(sentence) and (spans is None or overlaps(sentence.start, sentence.end, spans))
    ]
    stretches = [base.tokenize(text[span.start : span.end]) for span in spans or ()]
    data = TrainingData(text, tokens, [], pairs, sentences, list(filter(None, stretches)))
    size, stride = method.segment_tokens, method.stride_tokens
    segments = [each for stretch in data.studied for each in cut_segments(stretch, size, stride)]
    return replace(data, segments=segments)


def require_fit(base: BaseModel, method: MethodConfig) -> None:
    """Refuse settings that `base` cannot carry out, before any work is done.

    Raises:
        DocumentError: they need a longer window than the base model has.
        MemoryFormError: they ask for a memory that it cannot carry.
    """
    _require_window(base, method)
    form_of(base, method)


def _require_window(base: BaseModel, method: MethodConfig) -> None:
    needed = max(method.window_tokens, method.recitation_context_tokens + method.segment_tokens)
    if needed > base.max_positions:
        raise DocumentError(
            f"these settings need a base model that reads {needed} tokens at once; {base.name!r} "
            f"reads {base.max_positions}: choose another preset or smaller options"
        )
