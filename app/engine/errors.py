"""What the engine refuses, and how it fails. It knows no status codes."""


class EngineError(Exception):
    """Base of what the engine refuses."""


class EngineFailedError(EngineError):
    """The model could not answer, for example for lack of memory, or the server is stopping."""


class EngineBusyError(EngineError):
    """As many questions wait as may; ask again in a few seconds."""


class QuestionTooLongError(EngineError):
    """The question does not fit into the window; the message gives both lengths in tokens."""


class UnusableAdapterError(EngineError):
    """The adapter file is damaged or belongs to another base model; the message says which."""


class AdaptersFullError(EngineError):
    """Pinned memories would take more main memory than they may; the message says how much."""
