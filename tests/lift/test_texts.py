"""Training examples as texts: the words are those that the base model would be trained on."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from app.lift.base_model import BaseModel
from app.lift.chat import ChatFormat
from app.lift.config import MethodConfig
from app.lift.errors import BaseModelError
from app.lift.examples import question_groups, recitation_groups
from app.lift.observer import QAPair
from app.lift.prompts import answering_context, question_prompt
from app.lift.segments import cut_segments
from app.lift.texts import text_examples, text_question
from app.lift.tokenizing import BareTokenizer, load_tokenizer
from tests.lift.conftest import TEXT
from tests.tiny import save_tiny_model, tiny_tokenizer

PAIRS = [QAPair("Who lit the lamp?", "Mirel Tand", "", 0), QAPair("What froze?", "stairs", "", 0)]


@pytest.fixture
def speaker() -> BareTokenizer:
    """The tokenizer of the tiny base models, alone."""
    return BareTokenizer(tiny_tokenizer())


def test_texts_are_the_training_examples_without_their_frame(
    llama: BaseModel, small: MethodConfig, speaker: BareTokenizer
) -> None:
    """Word for word what training shows and supervises, but for what frames a turn."""
    framed = replace(llama, chat=ChatFormat((), (), None))
    random, tokens = Random(small.seed), llama.tokenize(TEXT)
    segments = cut_segments(tokens, small.segment_tokens, small.stride_tokens)
    recitations = recitation_groups(framed, tokens, segments, small, random)
    questions = question_groups(framed, tokens, PAIRS, small, random)
    decode = llama.tokenizer.decode
    recited, asked = (
        [
            (decode([*group.prefix, *example.request]), decode(example.target))
            for group in groups
            for example in group.examples
        ]
        for groups in (recitations, questions)
    )
    texts = list(text_examples(speaker, TEXT, PAIRS, small))

    assert texts[:-2] == recited
    assert [(f"{prompt}Answer:", f" {reply}") for prompt, reply in texts[-2:]] == asked


def test_every_segment_and_every_pair_is_an_example(
    small: MethodConfig, speaker: BareTokenizer
) -> None:
    """The replies are all segments and all answers, each once."""
    replies = [example.reply for example in text_examples(speaker, TEXT, PAIRS, small)]
    segments = cut_segments(speaker.tokenize(TEXT), small.segment_tokens, small.stride_tokens)

    assert sorted(replies) == sorted([*map(speaker.text, segments), "Mirel Tand", "stairs"])


def test_question_is_put_as_it_was_trained(
    llama: BaseModel, small: MethodConfig, speaker: BareTokenizer
) -> None:
    """Context and request make the words of the answering prompt."""
    context, request = text_question(speaker, TEXT, small)
    shown = answering_context(llama, llama.tokenize(TEXT), small.context_tokens)
    framed = replace(llama, chat=ChatFormat((), (), None))
    asked = question_prompt(framed, shown, " Who lit the lamp? ").ids
    trained = [example.prompt for example in text_examples(speaker, TEXT, PAIRS, small)]
    put = context + request.format(question="Who lit the lamp?")

    assert f"{put}Answer:" == llama.tokenizer.decode(asked)
    assert put in trained


def test_characters_that_a_cut_went_through_are_left_out(
    small: MethodConfig, speaker: BareTokenizer
) -> None:
    """With tokens smaller than a character no example holds a broken one."""
    text = "Die Lämpchen 🏮 glühen über dem Käse. " * 9
    examples = list(text_examples(speaker, text, PAIRS, small))

    assert not [example for example in examples if "\N{REPLACEMENT CHARACTER}" in str(example)]
    assert all(example.reply in text for example in examples[:-2])


def test_what_looks_like_a_special_token_stays_text(
    small: MethodConfig, speaker: BareTokenizer
) -> None:
    """A document may hold the base model's own marks."""
    text = "He wrote </s> and <pad> on the wall, and nobody knew why he had done so. " * 2
    examples = text_examples(speaker, text, [], small)

    assert any("</s> and <pad>" in example.reply for example in examples)


def test_tokenizer_loads_without_its_model(tmp_path: Path, llama: BaseModel) -> None:
    """A folder with a tokenizer is enough."""
    save_tiny_model(tmp_path)
    (tmp_path / "model.safetensors").unlink()

    assert load_tokenizer(str(tmp_path), tmp_path).tokenize(TEXT) == llama.tokenize(TEXT)


def test_missing_tokenizer_is_told_in_one_sentence(tmp_path: Path) -> None:
    """The message says which setting to look at."""
    with pytest.raises(BaseModelError, match=r"nowhere.* cannot be loaded.*LIFT_MODEL"):
        load_tokenizer(str(tmp_path / "nowhere"), tmp_path)
