"""The turns of a conversation as token ids, for any tokenizer with or without a chat template.

Text is spliced in as ids, so a context is the same ids in training, in answering and in a cache.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Turn = tuple[str, str]
"""Role (`user` or `assistant`) and words."""

_MARK = "\u2402user\u2402"
_REPLY_MARK = "\u2402reply\u2402"


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
    """
    if not tokenizer.chat_template:
        return _plain_format(tokenizer, earlier)
    turns = [*earlier, ("user", _MARK)]
    opening, closing = _render(tokenizer, turns, open_reply=True).split(_MARK)
    after_reply = _render(tokenizer, [*turns, ("assistant", _REPLY_MARK)]).split(_REPLY_MARK)[-1]
    ending = _ids(tokenizer, after_reply)
    return ChatFormat(
        tuple(_ids(tokenizer, opening)),
        tuple(_ids(tokenizer, closing)),
        ending[0] if ending else tokenizer.eos_token_id,
    )


def _plain_format(tokenizer: Any, earlier: Sequence[Turn]) -> ChatFormat:
    start = () if tokenizer.bos_token_id is None else (tokenizer.bos_token_id,)
    said = "".join(f"{content}\n\n" for _, content in earlier)
    return ChatFormat(
        (*start, *_ids(tokenizer, said)), tuple(_ids(tokenizer, "\n\n")), tokenizer.eos_token_id
    )


def _render(tokenizer: Any, turns: Sequence[Turn], *, open_reply: bool = False) -> str:
    messages = [{"role": role, "content": content} for role, content in turns]
    text: str = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=open_reply, enable_thinking=False
    )
    return text


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids
