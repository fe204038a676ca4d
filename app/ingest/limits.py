"""What reading one document may take. The README's table and the errors say these figures."""

from dataclasses import dataclass, replace

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one document, however many files are packed into it."""

    cpu_seconds: int = 9
    """Computing time of the parsing process."""
    wall_seconds: float = 60.0
    """Time until the parsing process is killed, even if it does nothing."""
    memory_bytes: int = 1024 * MIB
    """Address space of the parsing process, its program included."""
    text_characters: int = 50_000_000
    """Length of the text that comes out."""
    unpacked_bytes: int = 256 * MIB
    """What all archives unpack to, counted while they are unpacked."""
    unpacked_ratio: int = 100
    """How many times its size an archive may unpack to; counts from `ratio_free_bytes`."""
    ratio_free_bytes: int = 16 * MIB
    """An archive that unpacks to less may do so at any ratio."""
    entries: int = 5_000
    """Files in all archives."""
    documents: int = 100
    """Documents that one archive may become, if each of its files is to be one."""
    archive_nesting: int = 3
    """Archives inside one another; a DOCX, ODT or EPUB file counts as one."""
    element_nesting: int = 500
    """Lists, tables, objects and the like inside one another."""
    pages: int = 5_000
    """Pages of a PDF file."""
    recognised_pages: int = 200
    """Pages of a PDF file that are read as pictures, where that is switched on."""
    cell_characters: int = 1_000_000
    """One cell of a table in a CSV file."""
    open_files: int = 64
    """File descriptors of the parsing process."""


LIMITS = Limits()
"""The limits that hold on a server."""
RECOGNITION_LIMITS = replace(
    LIMITS, cpu_seconds=6000, wall_seconds=12_000.0, memory_bytes=3072 * MIB
)
"""Those of a second process, which reads a scanned PDF file; a page takes up to 15 seconds."""
