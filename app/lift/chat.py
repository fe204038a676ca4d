"""The turns of a conversation as token ids, for any tokenizer with or without a chat template.

Text is spliced in as ids, so a context is the same ids in training, in answering and in a cache.
"""

from dataclasses import dataclass
from typing import Any

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


def chat_format(tokenizer: Any) -> ChatFormat:
    """Read the format off the tokenizer's chat template, or make a plain one without it."""
    if not tokenizer.chat_template:
        opening = () if tokenizer.bos_token_id is None else (tokenizer.bos_token_id,)
        return ChatFormat(opening, tuple(_ids(tokenizer, "\n\n")), tokenizer.eos_token_id)
    user = {"role": "user", "content": _MARK}
    opening_text, closing_text = _render(tokenizer, [user], open_reply=True).split(_MARK)
    turns = _render(tokenizer, [user, {"role": "assistant", "content": _REPLY_MARK}])
    ending = _ids(tokenizer, turns.split(_REPLY_MARK)[-1])
    return ChatFormat(
        tuple(_ids(tokenizer, opening_text)),
        tuple(_ids(tokenizer, closing_text)),
        ending[0] if ending else tokenizer.eos_token_id,
    )


def _render(tokenizer: Any, turns: list[dict[str, str]], *, open_reply: bool = False) -> str:
    text: str = tokenizer.apply_chat_template(
        turns, tokenize=False, add_generation_prompt=open_reply, enable_thinking=False
    )
    return text


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids
