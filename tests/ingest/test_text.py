"""Bytes to text: what is decoded, what is refused, and with which words."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.errors import (
    EmptyDocumentError,
    IngestError,
    UndecodableDocumentError,
    UnsupportedDocumentError,
)
from app.ingest.text import decode

GERMAN = "Die Größe der Brücke überraschte alle Gäste, die aus München kamen. " * 20
FOREIGN = {
    "french": ("cp1252", "L'été à la plage, où les élèves étaient allés, fut long. Ça brûlait."),
    "short french": ("cp1252", "L'été à la plage."),
    "spanish": ("cp1252", "El niño soñó con una montaña. ¿Qué pasó después? Mañana será otro día."),
    "german": ("cp1252", "Die Bäume trugen schöne Äpfel; für größere Übungen ist es früh."),
    "danish": ("cp1252", "På øen bor en mand, som elsker rødgrød med fløde og går på æblejagt."),
    "swedish": ("cp1252", "På ön bor en gammal man som älskar köttbullar och går över ängen."),
    "portuguese": ("cp1252", "A maçã não é minha. Amanhã haverá eleições, porém às três horas."),
    "italian": ("latin-1", "La città è più bella di così, perché c'è il mare. Martedì andrò là."),
    "quoted english": ("cp1252", "“It’s here,” she said – and it was. “Then let’s go.”"),
    "polish": ("cp1250", "Zażółć gęślą jaźń. Mężczyzna wyszedł z domu, żeby zobaczyć księżyc."),
    "latin-2 polish": ("iso8859-2", "Mężczyzna wyszedł z domu późną nocą, żeby zobaczyć księżyc."),
    "czech": ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy. Dítě běželo přes louku."),
    "hungarian": ("cp1250", "Árvíztűrő tükörfúrógép. A kisfiú elment, hogy megkeresse kutyáját."),
    "turkish": ("cp1254", "Yaşlı adam küçük bir evde yaşıyordu. Çocuklar ağaçların altındaydı."),
    "lithuanian": ("cp1257", "Kiekvieną rytą jis eidavo žvejoti. Ąžuolas augo šalia šešėlyje."),
    "russian": ("cp1251", "Жил-был старик со своею старухой у самого синего моря."),
    "old russian": ("koi8-r", "Жил-был старик со своею старухой у самого синего моря."),
    "greek": ("cp1253", "Ο γέρος ζούσε μόνος του σε ένα μικρό σπίτι κοντά στη θάλασσα."),
    "japanese": ("shift_jis", "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"),
    "chinese": ("gb18030", "从前有一个老人，他住在海边的一个小房子里。每天早上他都去钓鱼。"),
}
prose = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff")
    | st.sampled_from("\n\t"),
    min_size=1,
).filter(str.strip)


@given(prose)
def test_utf8_comes_through_unchanged(text: str) -> None:
    """Text in UTF-8 with plain line ends is the text."""
    assert decode(text.encode()).text == text


@given(prose, st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]))
def test_byte_order_mark_is_read_and_dropped(text: str, encoding: str) -> None:
    """A mark says which encoding it is, and is no part of the text."""
    assert decode(text.encode(encoding)).text == text


@given(prose, st.sampled_from(["\r\n", "\r"]))
def test_line_ends_are_normalised(text: str, end: str) -> None:
    """Windows and old Macintosh line ends become one newline."""
    assert decode(text.replace("\n", end).encode()).text == text


@given(st.binary(max_size=2000))
def test_any_bytes_give_text_or_an_ingest_error(data: bytes) -> None:
    """Whatever comes in, only the declared errors come out, and no blank text does."""
    try:
        text = decode(data).text
    except IngestError:
        return

    assert text.strip()
    assert "\r" not in text
    assert "\0" not in text


@pytest.mark.parametrize("num_times", [1, 50])
@pytest.mark.parametrize(("encoding", "text"), FOREIGN.values(), ids=FOREIGN)
def test_old_encoding_is_told_by_the_language(encoding: str, text: str, num_times: int) -> None:
    """Files from before UTF-8 come through with every accent, in whatever part of the world."""
    assert decode((text * num_times).encode(encoding)).text == text * num_times


@given(prose)
def test_decoding_is_idempotent(text: str) -> None:
    """What was decoded once decodes to itself."""
    once = decode(text.encode()).text

    assert decode(once.encode()).text == once


def test_latin1_is_detected() -> None:
    """Text that is no UTF-8 keeps its letters."""
    assert decode(GERMAN.encode("latin-1")) == (GERMAN, "cp1252")


@pytest.mark.parametrize("data", [b"", b" \r\n\t ", codecs.BOM_UTF8, "\u3000\n".encode()])
def test_document_without_text_is_refused(data: bytes) -> None:
    """Nothing but white space is no document."""
    with pytest.raises(EmptyDocumentError, match="empty"):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [b"text with a \0 inside", bytes(range(256)) * 4, b"\x01\x02\x03 text", b"\xff\xfea\0\0\0b\0"],
)
def test_binary_data_is_refused(data: bytes) -> None:
    """NUL and many control characters are no text."""
    with pytest.raises(UnsupportedDocumentError, match="binary"):
        decode(data)


def test_broken_encoding_is_refused() -> None:
    """A file that begins as UTF-16 and breaks off is not guessed at."""
    with pytest.raises(UndecodableDocumentError, match="UTF-16"):
        decode(codecs.BOM_UTF16_LE + b"a\0b")


@pytest.mark.parametrize("declared", ["iso-8859-1", "latin1", "Windows-1252", " us-ascii "])
def test_declared_latin_encodings_are_the_webs(declared: str) -> None:
    """Whoever declares Latin-1 or ASCII may use the quotation marks of cp1252."""
    assert decode("“é”".encode("cp1252"), declared) == ("“é”", "cp1252")


@pytest.mark.parametrize("declared", ["no-such-encoding", "hex", "rot13", "", "utf-16\0"])
def test_senseless_declaration_is_passed_over(declared: str) -> None:
    """What names no character encoding says nothing."""
    assert decode("naïve".encode(), declared) == ("naïve", "utf-8")


def test_declaration_that_does_not_fit_is_passed_over() -> None:
    """A page in UTF-8 that says Shift JIS is still UTF-8."""
    assert decode("naïve — ö".encode(), "ascii").text != ""
    assert decode(GERMAN.encode(), "euc-kr").encoding == "utf-8"
