"""`lift doctor`: whether the store holds what the database's rows say, and what can be mended.

It may look while the server runs: what comes and goes meanwhile is no finding.
"""
