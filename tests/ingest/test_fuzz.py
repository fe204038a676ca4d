"""Broken files of every kind: text or a refusal comes out, nothing else, and soon.

LIFT_FUZZ_EXAMPLES sets how many files each test makes.
"""

import os
import random
import time
import traceback
from email.message import EmailMessage

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.ingest.errors import IngestError
from app.ingest.limits import LIMITS
from app.ingest.outline import Outline
from app.ingest.parsing import parse
from tests.ingest.made import make_docx, make_epub, make_odt, make_pdf, make_zip
from tests.ingest.test_parsing import HTML, RTF, SRT, VTT
from tests.ingest.test_real_files import FILES, REAL

EXAMPLES = int(os.environ.get("LIFT_FUZZ_EXAMPLES", "20"))
CHAPTER = "<html><body><h1>One</h1><p>a <span role='doc-pagebreak' title='2'/>b</p></body></html>"
ODT = "<text:h>One</text:h><text:p>a<text:soft-page-break/>b</text:p><text:list/>"


def mail() -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@b.org", "c@d.org", "Grüße"
    message.set_content("Text.")
    message.add_alternative("<p>Text.</p>", subtype="html")
    message.add_attachment(b"x", maintype="image", subtype="png", filename="a.png")
    return bytes(message)


SEEDS = {
    "pdf": make_pdf([["One", "text"], ["Two"]], {"One": 0, "Two": 1}, pageCompression=0),
    "docx": make_docx(),
    "odt": make_odt(ODT),
    "epub": make_epub({"one": CHAPTER, "two": CHAPTER}),
    "zip": make_zip({"a.md": "# A", "b.html": HTML, "c.zip": make_zip({"d.csv": "a,b\n1,2"})}, 0),
    "html": HTML.encode(),
    "rtf": RTF,
    "eml": mail(),
    "srt": SRT.encode(),
    "vtt": VTT.encode(),
    "json": b'{"a": [1, {"b": "c\\u00e9"}], "d": null, "e": -1.5e9}',
    "jsonl": b'{"a": 1}\n{"a": "x"}\n',
    "csv": b'name,age,town\n"Ann ""A""",3,Rome\nBob,,"x\ny"\n',
    "md": b"# One\n\n- a\n  - b\n\n> quote\n\n```\ncode\n```\n\nTwo\n---\n",
}


def check(data: bytes, name: str) -> None:
    """Parse within the time limit, and hold what comes out to the laws of a text's outline."""
    before = time.process_time()
    try:
        parsed = parse(data, name)
    except (IngestError, MemoryError):
        return
    except Exception as error:  # the process turns a library's own into refusals
        if "/app/ingest/" in traceback.extract_tb(error.__traceback__)[-1].filename:
            raise
        return
    finally:
        assert time.process_time() - before < LIMITS.cpu_seconds
    parsed.text.encode()
    assert Outline.from_json(parsed.to_json()).pages == parsed.pages
    assert parsed.text.strip()
    ends = [0]
    for page in parsed.pages:
        assert ends[-1] <= page.start <= page.end <= len(parsed.text)
        ends.append(page.end)
    assert all(0 <= heading.start <= len(parsed.text) for heading in parsed.headings)


@pytest.mark.parametrize("kind", SEEDS)
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), num_changes=st.integers(1, 20))
def test_mutated_file_gives_text_or_a_refusal(kind: str, seed: int, num_changes: int) -> None:
    """Bytes that are changed, dropped, doubled or swapped harm nobody."""
    check(mutate(SEEDS[kind], random.Random(seed), num_changes), f"a.{kind}")


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=max(1, EXAMPLES // 4), suppress_health_check=list(HealthCheck))
@example(seed=0, num_changes=7)  # these damage fonts: control characters once moved headings
@example(seed=193, num_changes=4)
@given(seed=st.integers(0, 2**32), num_changes=st.integers(1, 20))
def test_mutated_file_of_a_real_tool_gives_text_or_a_refusal(
    name: str, seed: int, num_changes: int
) -> None:
    """Nor do those that people's own tools made."""
    check(mutate((REAL / name).read_bytes(), random.Random(seed), num_changes), name)


@settings(max_examples=EXAMPLES * 5, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([b"", b"%PDF-1.4\n", b"PK\3\4", b"{\\rtf1", b"<html>", b"WEBVTT\n", b"From: "]),
    st.binary(max_size=3000),
    st.sampled_from(["", ".csv", ".md", ".html"]),
)
def test_random_bytes_give_text_or_a_refusal(start: bytes, data: bytes, suffix: str) -> None:
    """Noise behind any beginning harms nobody."""
    check(start + data, f"a{suffix}")


def mutate(data: bytes, chance: random.Random, num_changes: int) -> bytes:
    """Change some places of a file."""
    changed = bytearray(data)
    for _ in range(num_changes):
        start = chance.randrange(len(changed) + 1)
        end = min(len(changed), start + chance.choice((1, 1, 1, 4, 30)))
        piece = changed[start:end]
        match chance.randrange(5):
            case 0:
                changed[start:end] = chance.randbytes(len(piece))
            case 1:
                del changed[start:end]
            case 2:
                changed[start:start] = piece * chance.randrange(1, 9)
            case 3:
                changed[start:end] = chance.choice((b"\0", b"\xff", b"<", b">", b"9" * 12, b"../"))
            case 4:
                other = chance.randrange(len(changed) + 1)
                changed[other:other] = piece
    return bytes(changed)
