"""Why `lift serve` cannot start or go on, each in one sentence for the one who typed it."""


class ServeError(Exception):
    """Base of what keeps the server from running; the message says what to do."""
