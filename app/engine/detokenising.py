"""An answer's tokens to its text, as they come.

The pieces together are the text of all tokens; none ends inside a character. Knows no model.
"""

from typing import Any

_UNFINISHED = "\N{REPLACEMENT CHARACTER}"
"""What a decoder writes for a character of which bytes are missing."""


class Detokeniser:
    """Turns one answer's tokens into text.

    A token may be a part of a character, and its text may depend on the one before (some decoders
    drop a leading space): each is decoded behind those that were last given out.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._told: list[int] = []
        """The tokens behind which the next ones are decoded; their text is out."""
        self._held: list[int] = []
        """Tokens whose text is not out yet."""

    def add(self, token: int) -> str:
        """Take the next token; returns the text that is certain by now."""
        self._held.append(token)
        text = self._text_of_held()
        if text.endswith(_UNFINISHED):
            return ""
        # A token without a text, such as a leading space that was dropped, may matter to the next.
        self._told = self._held if text else [*self._told, *self._held]
        self._held = []
        return text

    def finish(self) -> str:
        """Return what is left, with unfinished characters marked."""
        text, self._held = self._text_of_held(), []
        return text

    def _text_of_held(self) -> str:
        before = self._decode(self._told)
        return self._decode([*self._told, *self._held])[len(before) :]

    def _decode(self, tokens: list[int]) -> str:
        text: str = self._tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text
