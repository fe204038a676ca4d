"""`lift backup` and `lift restore`: all that an installation keeps, in one file.

The file is a tar archive: a head, the store's files, the database's rows as JSON lines, a manifest
with the SHA-256 of each, and the manifest's own. It holds no setting and no password.
"""
