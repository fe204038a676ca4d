"""What only this door refuses."""

from app.errors import ApiError


class ModelNotFoundError(ApiError):
    """There is no such model: a model is a document whose memory is ready."""

    code, status = "model_not_found", 404


class InvalidMessagesError(ApiError):
    """The messages are no conversation that ends with something from the user."""

    code, status = "invalid_messages", 400

    def __init__(self) -> None:
        super().__init__(
            "the last message must be the user's, with some text: it is the question",
            param="messages",
        )
