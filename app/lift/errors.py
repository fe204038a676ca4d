"""What the method refuses. A message says what was wrong and what to do; no status codes here."""


class LiftError(Exception):
    """Base of the method's errors. Trying again with the same input fails again."""


class BaseModelError(LiftError):
    """The base model cannot be had, or its attention cannot carry a memory."""


class AdapterError(LiftError):
    """The adapter file is damaged, of another format, or belongs to another base model."""


class MemoryFormError(LiftError):
    """The base model cannot carry a memory of this kind, rank or shape."""


class ReaderError(LiftError):
    """The reader is damaged, or does not fit the base model or a document's settings."""


class FormerError(LiftError):
    """The memory of an earlier text is no start for a training; without it, that begins anew."""


class TrainingError(LiftError):
    """Training with these settings leads nowhere."""


class CheckpointError(LiftError):
    """The checkpoint is damaged, or of another training; without it, training starts anew."""


class DocumentError(LiftError):
    """The text cannot be lifted with these settings on this base model."""
