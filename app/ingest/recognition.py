"""Text recognition (OCR) of a page that is a picture: rendered, then read by RapidOCR's own models.

An optional extra, `ocr`: everything it needs lies in its packages, nothing is fetched.
"""

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from app.ingest.errors import LimitExceededError
from app.ingest.limits import Limits

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

_PIXELS_A_POINT = 150 / 72
_LONGEST_SIDE_PIXELS = 2500
_LEAST_CONFIDENCE = 0.5
_OPTIONS = {
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Global.use_cls": False,  # pages stand upright; their own rotation is undone by rendering
    "Global.text_score": _LEAST_CONFIDENCE,
    "Global.log_level": "critical",
    "Det.limit_type": "max",
    "Det.limit_side_len": 960,
}


def is_installed() -> bool:
    """Say whether the extra is there."""
    return all(find_spec(name) for name in ("rapidocr", "onnxruntime"))


class Recogniser:
    """Reads pages, as many as are allowed."""

    def __init__(self, limits: Limits) -> None:
        import cv2
        from rapidocr import RapidOCR

        cv2.setNumThreads(1)
        self._engine: Any = RapidOCR(params=_OPTIONS)
        self._limits = limits
        self._num_pages = 0

    def read(self, page: "PdfPage") -> str:
        """Return a page's lines, from top to bottom.

        Raises:
            LimitExceededError: too many pages were read before.
        """
        self._num_pages += 1
        most = self._limits.recognised_pages
        if self._num_pages > most:
            raise LimitExceededError(
                f"the PDF file has more than the {most:,} pages without a text layer that are "
                "read here; upload it in parts, or run a text recognition (OCR) over it first"
            )
        longest = max(page.get_size())
        scale = min(_PIXELS_A_POINT, _LONGEST_SIDE_PIXELS / max(longest, 1.0))
        found = self._engine(page.render(scale=scale).to_numpy())
        lines = found.txts or ()
        return "\n".join(re.sub(r"\s+", " ", line).strip() for line in lines)
