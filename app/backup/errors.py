"""Why nothing can be backed up or restored, in one sentence for the one who typed it."""


class BackupError(Exception):
    """Base of what ends a backup or a restore; the message says what to do."""
