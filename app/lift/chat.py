"""The turns of a conversation as token ids, for any tokenizer with or without a chat template.

Text is spliced in as ids, so a context is the same ids in training, in answering and in a cache.
Knows no template: it renders one with marks in the words' places and looks what stands around them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from jinja2 import TemplateError

from app.lift.errors import BaseModelError

Turn = tuple[str, str]
"""Role (`user` or `assistant`) and words."""

_MARK = "\u2402user\u2402"
_REPLY_MARK = "\u2402reply\u2402"
_TODAY = date(2024, 7, 26)
"""What a template that names the day is told. A memory is asked behind the words it was trained
behind, on whichever day that is."""
_CALL_FOR_TODAY = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """What stands around a user's turn and ends the reply, in token ids."""

    opening: tuple[int, ...]
    """Before the user's words, with the beginning-of-text token and any system turn."""
    closing: tuple[int, ...]
    """Between the user's words and the reply."""
    reply_end: int | None
    """The token that ends a reply; None if the tokenizer has none."""


def chat_format(tokenizer: Any, earlier: Sequence[Turn] = ()) -> ChatFormat:
    """Read the format off the tokenizer's chat template, or make a plain one without it.

    `earlier` turns (user and reply in pairs) become part of the opening.

    Raises:
        BaseModelError: the template refuses a plain conversation, or changes the words in it.
    """
    if not tokenizer.chat_template:
        return _plain_format(tokenizer, earlier)
    turns = [*earlier, ("user", _MARK)]
    opening, closing = _around(_MARK, _render(tokenizer, turns, open_reply=True))
    with_reply = _render(tokenizer, [*turns, ("assistant", _REPLY_MARK)])
    _, after_reply = _around(_REPLY_MARK, with_reply)
    return ChatFormat(
        tuple(_ids(tokenizer, opening)),
        tuple(_ids(tokenizer, closing)),
        _reply_end(tokenizer, after_reply),
    )


def turn_frames(tokenizer: Any, roles: Sequence[str]) -> list[tuple[int, ...]]:
    """Return what stands before, between and behind the words of turns, in token ids.

    The last one, the user's, is followed by the opening of the reply.

    Raises:
        BaseModelError: the template refuses these roles in this order, or changes the words.
    """
    if not tokenizer.chat_template:
        between = tuple(_ids(tokenizer, "\n\n"))
        return [_start(tokenizer), *(between for _ in roles)]
    marks = [f"\u2402{number}\u2402" for number, _ in enumerate(roles)]
    rest, frames = _render(tokenizer, list(zip(roles, marks, strict=True)), open_reply=True), []
    for mark in marks:
        before, rest = _around(mark, rest)
        frames.append(before)
    return [tuple(_ids(tokenizer, frame)) for frame in (*frames, rest)]


def _plain_format(tokenizer: Any, earlier: Sequence[Turn]) -> ChatFormat:
    said = "".join(f"{content}\n\n" for _, content in earlier)
    return ChatFormat(
        (*_start(tokenizer), *_ids(tokenizer, said)),
        tuple(_ids(tokenizer, "\n\n")),
        tokenizer.eos_token_id,
    )


def _start(tokenizer: Any) -> tuple[int, ...]:
    return () if tokenizer.bos_token_id is None else (tokenizer.bos_token_id,)


def _render(tokenizer: Any, turns: Sequence[Turn], *, open_reply: bool = False) -> str:
    messages = [{"role": role, "content": content} for role, content in turns]
    template = _CALL_FOR_TODAY.sub(
        lambda call: repr(_TODAY.strftime(call[2])), tokenizer.get_chat_template()
    )
    try:
        text: str = tokenizer.apply_chat_template(
            messages,
            chat_template=template,
            tokenize=False,
            add_generation_prompt=open_reply,
            enable_thinking=False,
        )
    except (TemplateError, TypeError, ValueError) as error:
        raise BaseModelError(
            f"the base model's chat template refuses a plain conversation ({error}): choose "
            "another base model, or correct chat_template in its folder"
        ) from error
    return text


def _around(mark: str, rendered: str) -> tuple[str, str]:
    before, *after = rendered.split(mark)
    if len(after) != 1:
        raise BaseModelError(
            f"the base model's chat template shows each turn's words {len(after)} times, not once: "
            "choose another base model, or correct chat_template in its folder"
        )
    return before, after[0]


def _reply_end(tokenizer: Any, after_reply: str) -> int | None:
    """Return the first token behind a reply that no text can contain, else the end of text."""
    outside_text = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    found = (token for token in _ids(tokenizer, after_reply) if token in outside_text)
    end: int | None = next(found, tokenizer.eos_token_id)
    return end


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids
