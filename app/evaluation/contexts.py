"""What a question's prompt shows of its document: nothing, head and tail, all of it, or passages.

Each is a function from an open document and a question to the product's own prompt.
"""

from functools import cached_property

from app.evaluation.corpus import Document
from app.evaluation.passages import PassageIndex
from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.prompts import Prompt, answer_ids, answering_context, question_prompt


class OpenDocument:
    """A document as one base model and one set of settings read it."""

    def __init__(
        self, base: BaseModel, document: Document, method: MethodConfig, reply_tokens: int
    ) -> None:
        """Open `document`; `reply_tokens` is the room that generated answers need."""
        self.base = base
        self.document = document
        self.method = method
        self._reply_tokens = reply_tokens

    @cached_property
    def tokens(self) -> list[int]:
        """The whole text."""
        return self.base.tokenize(self.document.text)

    @cached_property
    def passages(self) -> PassageIndex:
        """The text's passages."""
        return PassageIndex(self.base, self.document.text)

    @cached_property
    def room_tokens(self) -> int:
        """Tokens of context that the base model can read before any of the document's questions.

        The same for all, so that they share a prefix; the longest reply has room, too.
        """
        questions = self.document.questions
        longest = max((self._bare(each.question) for each in questions), default=0)
        scored = [reply for each in questions for reply in (each.answers[0], *each.options)]
        replies = (len(answer_ids(self.base, reply)) for reply in scored)
        return max(0, self.base.max_positions - longest - max(self._reply_tokens, *replies, 0))

    def budget_tokens(self, question: str) -> int:
        """Return the tokens of context that the window leaves, as in answering."""
        room = self.method.window_tokens - self._bare(question)
        return max(0, min(self.method.context_tokens, room))

    def fits(self, question: str) -> bool:
        """Tell whether a question fits the window; the product refuses one that does not."""
        return self._bare(question) < self.method.window_tokens

    def _bare(self, question: str) -> int:
        return len(question_prompt(self.base, (), question).ids)


def no_context(opened: OpenDocument, question: str) -> Prompt:
    """Show the question only."""
    return question_prompt(opened.base, (), question)


def truncated(opened: OpenDocument, question: str) -> Prompt:
    """Show the head and tail that the window holds, as the product does."""
    budget = opened.budget_tokens(question)
    context = answering_context(opened.base, opened.tokens, budget)
    return question_prompt(opened.base, context, question)


def whole(opened: OpenDocument, question: str) -> Prompt:
    """Show the document as far as the base model itself reads, past that its head and tail."""
    context = answering_context(opened.base, opened.tokens, opened.room_tokens)
    return question_prompt(opened.base, context, question)


def retrieved(opened: OpenDocument, question: str) -> Prompt:
    """Show the passages that fit the question, as many tokens as `truncated` shows."""
    context = opened.passages.context(question, opened.budget_tokens(question))
    return question_prompt(opened.base, context, question)
