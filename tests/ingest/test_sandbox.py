"""The parsing process: what it may not do, and what becomes of a document that ends it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from app.ingest import capped, child
from app.ingest.errors import DamagedDocumentError, IngestError, LimitExceededError
from app.ingest.limits import LIMITS, MIB
from app.ingest.sandbox import parse_file
from tests.ingest.made import make_docx, make_epub, make_pdf, make_zip

SLOW = b"<!doctype html>" + b"<div></b>" * 500_000
"""End tags of nothing hide how deep it is: building it takes all the time that there is."""
FEIGNED = """
import os, sys, time, json
from pathlib import Path
text = sys.stdin.read()
os.environ.get("HOME") and sys.exit(3)
{}
"""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """A document that says nothing of interest."""
    path = tmp_path / "source"
    path.write_text("# Some\n\ntext")
    return path


@pytest.fixture
def others() -> set[psutil.Process]:
    """The processes that this one has started before, such as a test run's own servers."""
    return set(psutil.Process().children(recursive=True))


def feign(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    """Have another program stand for the parsing process."""
    program = tmp_path / "feigned.py"
    program.write_text(FEIGNED.format(code))
    monkeypatch.setattr(child, "__file__", str(program))


@pytest.mark.parametrize(
    "data",
    [b"# Some\n\ntext", make_pdf([["text"]]), make_docx(), make_epub({"a": "<h1>A</h1><p>text"})],
)
def test_every_parser_works_within_the_limits(tmp_path: Path, data: bytes) -> None:
    """What a library needs to begin with leaves room, and touches nothing that is refused."""
    path = tmp_path / "source"
    path.write_bytes(data)
    parsed = parse_file(path)

    assert parsed.text
    assert parsed.headings or parsed.pages


def test_refusal_comes_through(tmp_path: Path) -> None:
    """The parser's own words reach the caller, with their class."""
    path = tmp_path / "source"
    path.write_bytes(b"%PDF-1.7 and so on")

    with pytest.raises(DamagedDocumentError, match="PDF file is damaged"):
        parse_file(path)


@pytest.mark.parametrize("name", ["a.csv", "x/y\0z\u202e.CSV", "." * 5000 + "csv", "--help.csv"])
def test_name_is_but_a_suffix(tmp_path: Path, name: str) -> None:
    """However odd or long a name is, the process learns its suffix alone."""
    path = tmp_path / "source"
    path.write_text("name,age\nAnn,3\n")

    assert parse_file(path, name).text == "name: Ann; age: 3"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("sys.exit(1)", "damaged"),
        ("os.kill(os.getpid(), 9)", "damaged"),
        ("os.abort()", "damaged"),
        ("os.write(1, b'{')", "damaged"),
        ("os.write(1, b'[]')", "damaged"),
        ('os.write(1, b\'{"network":"","parsed":{}}\')', "damaged"),
        ('os.write(1, b\'{"network":"","refused":"Path","message":""}\')', "damaged"),
        ("os.write(1, b'[' * 100000)", "damaged"),
        (
            "os.write(1, json.dumps({'network': '', 'parsed': {'kind': 'text', 'encoding': None, "
            "'pages': [], 'headings': [], 'left_out': [], 'text': chr(0xd800)}}).encode())",
            "damaged",
        ),
        ("os.write(1, b'{}'); os.close(1); time.sleep(600)", "damaged"),
        ("while True: os.write(1, bytes(100000))", "damaged"),
    ],
)
def test_lying_process_refuses_its_document(
    document: Path,
    others: set[psutil.Process],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    code: str,
    message: str,
) -> None:
    """Whatever the process does, the document is refused and the process is gone."""
    feign(monkeypatch, tmp_path, code)
    monkeypatch.setattr(capped, "_END_SECONDS", 0.2)

    with pytest.raises(DamagedDocumentError, match=message):
        parse_file(document, limits=replace(LIMITS, text_characters=1000))
    assert not (set(psutil.Process().children(recursive=True)) - others)


def test_hanging_process_is_killed(
    document: Path, others: set[psutil.Process], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The time limit is the wall's, and takes what the process started with it."""
    feign(monkeypatch, tmp_path, "import subprocess; subprocess.run(['sleep', '600'])")

    with pytest.raises(LimitExceededError, match=r"longer than the 0\.5 seconds"):
        parse_file(document, limits=replace(LIMITS, wall_seconds=0.5))
    assert not (set(psutil.Process().children(recursive=True)) - others)


def test_time_limit_is_told(tmp_path: Path) -> None:
    """Computing too long is told from a crash."""
    path = tmp_path / "source"
    path.write_bytes(SLOW)

    with pytest.raises(LimitExceededError, match="1 seconds of computing"):
        parse_file(path, limits=replace(LIMITS, cpu_seconds=1))


def test_memory_limit_is_told(tmp_path: Path) -> None:
    """A document that fills the memory is refused, in the parser's Python or in its C."""
    path = tmp_path / "source"
    path.write_bytes(b'["' + b'x","' * 8_000_000 + b'"]')

    with pytest.raises(LimitExceededError, match="160 MiB of memory"):
        parse_file(path, limits=replace(LIMITS, memory_bytes=160 * MIB))


def in_child(code: str) -> subprocess.CompletedProcess[str]:
    """Run code as a parser of the process would, behind its limits."""
    program = f"""
import os, sys, resource
from app.ingest import child
from app.ingest.limits import LIMITS
import app.ingest.parsing
alone = child._leave_network() if "--alone" in sys.argv else None
child._limit_resources(LIMITS)
sys.addaudithook(child._refuse_event)
{code}
"""
    return subprocess.run(
        [sys.executable, "-c", program, "--alone"], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.socket()",
        "import subprocess; subprocess.run(['true'])",
        "os.system('true')",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "open('/etc/passwd').read()",
        "open('pyproject.toml').read()",  # beside it may lie a file with passwords
        "open('written', 'w')",
        "os.open(sys.prefix + '/written', os.O_WRONLY | os.O_CREAT)",
    ],
)
def test_parser_may_reach_nothing(code: str) -> None:
    """No network, no program, no file but its own program's."""
    ended = in_child(code)

    assert ended.returncode == 1
    assert "PermissionError: a parser may" in ended.stderr
    assert not Path("written").exists()


def test_network_is_empty_where_the_kernel_permits() -> None:
    """Even C code, which no audit hook sees, finds no way out."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ended = in_child(
            "import ctypes, struct\n"
            "libc = ctypes.CDLL(None)\n"
            "end = libc.socket(2, 1, 0)\n"
            f"to = struct.pack('=HHI8x', 2, {socket.htons(port)}, {socket.htonl(0x7F000001)})\n"
            "print(alone, libc.connect(end, to, 16))"
        )

    assert ended.stdout.split() in (["True", "-1"], ["False", "0"])


def test_process_dies_with_its_parent(tmp_path: Path) -> None:
    """A trainer that is killed leaves no parser behind."""
    path = tmp_path / "source"
    path.write_bytes(SLOW)
    code = (
        "from pathlib import Path; from app.ingest.sandbox import parse_file; import sys; "
        "parse_file(Path(sys.argv[1]))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(path)])
    found = _wait_for_child(parent.pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()

    psutil.wait_procs([found], timeout=5)
    assert not found.is_running()


def _wait_for_child(pid: int) -> psutil.Process:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for found in psutil.Process(pid).children():
            if found.cpu_times().user > 0.5:
                return found
        time.sleep(0.05)
    raise AssertionError("no parser was started")


def test_others_are_served_meanwhile(tmp_path: Path) -> None:
    """A thread that waits for a parser holds up no other."""
    slow, quick = tmp_path / "slow", tmp_path / "quick"
    slow.write_bytes(SLOW)
    quick.write_text("text")
    refusals = list[IngestError]()

    def parse_slowly() -> None:
        try:
            parse_file(slow, limits=replace(LIMITS, cpu_seconds=4))
        except IngestError as error:
            refusals.append(error)

    thread = threading.Thread(target=parse_slowly)
    thread.start()
    text = parse_file(quick).text
    was_first = thread.is_alive()
    thread.join()

    assert (text, was_first, len(refusals)) == ("text", True, 1)


@pytest.fixture(autouse=True)
def _no_descriptor_stays_open() -> Iterator[None]:
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) <= before


def test_locked_archive_is_refused(tmp_path: Path) -> None:
    """A password is found also where it is not on the first file."""
    data = bytearray(make_zip({"a.txt": "x", "b.txt": "y"}))
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path = tmp_path / "source"
    path.write_bytes(data)

    with pytest.raises(IngestError, match=r"'b\.txt': the archive is locked with a password"):
        parse_file(path)
