"""EML: an e-mail's subject, people, date and text; attachments are named, not read."""

from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import default

from app.ingest.builder import TextBuilder
from app.ingest.html import write_html

_SHOWN = ("From", "To", "Cc", "Date")


def write_mail(builder: TextBuilder, data: bytes) -> None:
    """Add a message; its plain text goes before its HTML."""
    message = message_from_bytes(data, policy=default)
    assert isinstance(message, EmailMessage)
    builder.add_heading(1, " ".join((_header(message, "Subject") or "").split()))
    people = ((name, _header(message, name)) for name in _SHOWN)
    builder.add("\n".join(f"{name}: {value}" for name, value in people if value))
    body = message.get_body(("plain", "html"))
    if body is not None:
        _write_body(builder, body)
    names = list(_attachments(message))
    if names:
        builder.add("Attachments: " + ", ".join(names))
    for name in names:
        builder.leave_out(name)


def _write_body(builder: TextBuilder, body: MIMEPart) -> None:
    content = _content(body)
    if body.get_content_subtype() == "html":
        write_html(builder, content)
    else:
        builder.add(content)


def _content(body: MIMEPart) -> str:
    try:
        return str(body.get_content())
    except LookupError:  # it names an encoding that does not exist
        payload = body.get_payload(decode=True)
        return payload.decode(errors="replace") if isinstance(payload, bytes) else ""


def _header(message: EmailMessage, name: str) -> str | None:
    value = message.get(name)
    return None if value is None else str(value)


def _attachments(message: EmailMessage) -> Iterator[str]:
    for part in message.iter_attachments():
        yield part.get_filename() or part.get_content_type()
