"""What is put into stores."""

from io import BytesIO


class Breaking(BytesIO):
    """Gives one chunk, and then the connection breaks."""

    def __init__(self) -> None:
        super().__init__()
        self._given = False

    def read(self, size: int | None = -1, /) -> bytes:
        if self._given:
            raise ConnectionResetError
        self._given = True
        return b"x" * 1000
