"""The processes behind `lift serve`: a Valkey and a worker of its own beside the API.

Knows processes, sockets and signals; nothing of documents, jobs or models.
"""
