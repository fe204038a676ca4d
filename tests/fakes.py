"""An engine without a model."""

from app.engine.answerer import Ask, Reply


class FakeAnswerer:
    """Says what it was asked, or raises what it was told to."""

    def __init__(self) -> None:
        self.asks: list[Ask] = []
        self.forgotten: list[str] = []
        self.error: Exception | None = None
        self.closed = False

    def answer(self, ask: Ask) -> Reply:
        self.asks.append(ask)
        if self.error:
            raise self.error
        return Reply(
            text=f"{ask.question} in {len(ask.read_text())} characters",
            memory_share=0.25 if ask.adapter else None,
            finish_reason="stop",
            prompt_tokens=20,
            completion_tokens=5,
            swap_seconds=0.1,
            first_token_seconds=0.2,
            total_seconds=0.3,
        )

    def forget(self, document_id: str) -> None:
        self.forgotten.append(document_id)

    def close(self) -> None:
        self.closed = True

    def describe(self) -> dict[str, str]:
        return {"model": "fake", "fingerprint": "0", "device": "cpu", "dtype": "float32"}
