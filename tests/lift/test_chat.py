"""Chat formats, read off templates of the kinds that base models bring."""

from typing import NamedTuple

import pytest
from tokenizers import AddedToken
from transformers import PreTrainedTokenizerFast

from app.lift.chat import chat_format, turn_frames
from app.lift.errors import BaseModelError
from tests.tiny import tiny_base, tiny_tokenizer


class Kind(NamedTuple):
    """A chat template, and what it makes of a conversation."""

    template: str
    tokens: tuple[str, ...]
    """Special tokens besides the tokenizer's own."""
    shown: str
    """A user's turn `Hi`, up to where the reply begins."""
    end: str


KINDS = {
    "no system role": Kind(
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
        "{{ raise_exception('no system role') }}{% endif %}{% for m in messages %}"
        "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}"
        "<turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
        "{{ m['content'] | trim }}</turn>\n{% endfor %}"
        "{% if add_generation_prompt %}<turn>model\n{% endif %}",
        ("<turn>", "</turn>"),
        "<s><turn>user\nHi</turn>\n<turn>model\n",
        "</turn>",
    ),
    "headers and a date": Kind(
        "{{- bos_token }}{%- if strftime_now is defined %}"
        "{%- set day = strftime_now('%d %b %Y') %}{%- endif %}"
        "{{- '<head>system</head>\n\nToday Date: ' + day + '<eot>' }}"
        "{%- for m in messages %}{{- '<head>' + m['role'] + '</head>\n\n' }}"
        "{{- m['content'] | trim + '<eot>' }}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<head>assistant</head>\n\n' }}{%- endif %}",
        ("<head>", "</head>", "<eot>"),
        "<s><head>system</head>\n\nToday Date: 26 Jul 2024<eot>"
        "<head>user</head>\n\nHi<eot><head>assistant</head>\n\n",
        "<eot>",
    ),
    "no beginning of text": Kind(
        "{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + '<|end|>\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}"
        "{% else %}{{ eos_token }}{% endif %}",
        ("<|user|>", "<|assistant|>", "<|end|>"),
        "<|user|>\nHi<|end|>\n<|assistant|>\n",
        "<|end|>",
    ),
    "default system and thinking": Kind(
        "{% if messages[0]['role'] != 'system' %}<im>system\nYou are helpful.</im>\n{% endif %}"
        "{% for m in messages %}<im>{{ m['role'] }}\n{{ m['content'] }}</im>\n{% endfor %}"
        "{% if add_generation_prompt %}<im>assistant\n{% if not enable_thinking %}"
        "<think>\n\n</think>\n\n{% endif %}{% endif %}",
        ("<im>", "</im>"),
        "<im>system\nYou are helpful.</im>\n<im>user\nHi</im>\n<im>assistant\n"
        "<think>\n\n</think>\n\n",
        "</im>",
    ),
    "instruction in brackets": Kind(
        "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}"
        "[INST] {{ m['content'] }} [/INST]{% else %} {{ m['content'] }}{{ eos_token }}{% endif %}"
        "{% endfor %}",
        ("[INST]", "[/INST]"),
        "<s>[INST] Hi [/INST]",
        "</s>",
    ),
    "a line break before the end": Kind(
        "{% for m in messages %}### {{ m['role'] }}:\n{{ m['content'] }}\n<stop>{% endfor %}"
        "{% if add_generation_prompt %}### assistant:\n{% endif %}",
        ("<stop>",),
        "### user:\nHi\n<stop>### assistant:\n",
        "<stop>",
    ),
    "nothing special at all": Kind(
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}",
        (),
        "user: Hi\nassistant: ",
        "</s>",
    ),
}


def with_template(template: str, tokens: tuple[str, ...] = ()) -> PreTrainedTokenizerFast:
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens([AddedToken(token, special=True) for token in tokens])
    tokenizer.chat_template = template
    return tokenizer


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind of template in turn."""
    return KINDS[request.param]


def test_format_is_the_template_cut_at_the_users_words(kind: Kind) -> None:
    """Opening, words and closing together are the rendered conversation, special tokens as such."""
    tokenizer = with_template(kind.template, kind.tokens)
    chat = chat_format(tokenizer)
    ids = [*chat.opening, *tokenizer("Hi", add_special_tokens=False)["input_ids"], *chat.closing]

    assert tokenizer.decode(ids) == kind.shown
    assert ids == tokenizer(kind.shown, add_special_tokens=False)["input_ids"]


def test_reply_ends_with_the_first_token_that_no_text_contains(kind: Kind) -> None:
    """Not with a line break before it, and with the end of text where the template has none."""
    tokenizer = with_template(kind.template, kind.tokens)

    assert tokenizer.convert_ids_to_tokens(chat_format(tokenizer).reply_end) == kind.end


def test_earlier_turns_become_part_of_the_opening(kind: Kind) -> None:
    """An example conversation stands before the user's words, as the template shows it."""
    template = kind.template.replace("strftime_now('%d %b %Y')", "'26 Jul 2024'")
    tokenizer = with_template(template, kind.tokens)
    said = [("user", "A"), ("assistant", "B"), ("user", "Hi")]
    whole: str = tokenizer.apply_chat_template(
        [{"role": role, "content": content} for role, content in said],
        tokenize=False,
        add_generation_prompt=True,
    )

    assert tokenizer.decode(chat_format(tokenizer, said[:2]).opening) == whole.split("Hi")[0]


def test_frames_and_words_are_the_rendered_conversation(kind: Kind) -> None:
    """Whatever stands around them, each turn's words are where the template puts them."""
    template = kind.template.replace("strftime_now('%d %b %Y')", "'26 Jul 2024'")
    tokenizer = with_template(template, kind.tokens)
    said = [("user", "A"), ("assistant", "B"), ("user", "C")]
    whole: str = tokenizer.apply_chat_template(
        [{"role": role, "content": content} for role, content in said],
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=False,
    )
    frames = [tokenizer.decode(frame) for frame in turn_frames(tokenizer, [r for r, _ in said])]

    assert "A".join(frames[:2]) + "B" + "C".join(frames[2:]) == whole


def test_frames_of_one_turn_are_the_format(kind: Kind) -> None:
    """A conversation of one question is framed as in training."""
    tokenizer = with_template(kind.template, kind.tokens)
    chat = chat_format(tokenizer)

    assert turn_frames(tokenizer, ["user"]) == [chat.opening, chat.closing]


def test_frames_without_a_template_are_plain() -> None:
    """Turns stand in paragraphs."""
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = None
    frames = turn_frames(tokenizer, ["user", "assistant", "user"])

    assert [tokenizer.decode(frame) for frame in frames] == ["<s>", "\n\n", "\n\n", "\n\n"]


def test_roles_that_a_template_refuses_are_told() -> None:
    """Whoever asks may try without them."""
    kind = KINDS["no system role"]
    with pytest.raises(BaseModelError, match="no system role"):
        turn_frames(with_template(kind.template, kind.tokens), ["system", "user"])


def test_a_template_that_names_the_day_gives_the_same_ids_on_every_day() -> None:
    """A memory that was trained yesterday is asked behind the same words today."""
    tokenizer = with_template(
        '{{ strftime_now("%Y-%m-%d") }}: {% for m in messages %}{{ m["content"] }}{% endfor %}'
    )

    assert tokenizer.decode(chat_format(tokenizer).opening) == "2024-07-26: "


def test_without_a_template_the_text_is_framed_plainly() -> None:
    """A base model without a chat template still gets its beginning-of-text token."""
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = None
    chat = chat_format(tokenizer, [("user", "A"), ("assistant", "B")])

    assert tokenizer.decode(chat.opening) == "<s>A\n\nB\n\n"
    assert tokenizer.decode(chat.closing) == "\n\n"
    assert chat.reply_end == tokenizer.eos_token_id


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ raise_exception('tools only') }}", r"refuses a plain conversation \(tools only\)"),
        ("{{ messages[0]['parts'][0] }}", "refuses a plain conversation"),
        ("{{ messages[0]['content'] | upper }}", "words 0 times, not once"),
        ("{{ messages[0]['content'] }} {{ messages[0]['content'] }}", "words 2 times, not once"),
    ],
)
def test_a_template_that_cannot_frame_a_question_is_refused(template: str, told: str) -> None:
    """The message says what the template does, and what to do."""
    with pytest.raises(BaseModelError, match=f"{told}.*choose another base model"):
        chat_format(with_template(template))


def test_stop_tokens_hold_the_end_of_the_reply() -> None:
    """A model stops where its template ends a turn, whatever its generation settings say."""
    base = tiny_base()

    assert base.chat.reply_end in base.stop_ids
