"""What a training may start from instead of a new memory: a memory in a file."""

from copy import deepcopy
from dataclasses import dataclass

from app.lift.kinds import DocumentMemory


@dataclass(frozen=True, slots=True)
class Start:
    """A memory that fits a base model and a document's settings."""

    memory: DocumentMemory
    sha256: str
    """Of its file."""

    def copied(self) -> DocumentMemory:
        """Return a copy in float32 to train on."""
        return deepcopy(self.memory).float().requires_grad_(True)
