"""`make demo`: a real server memorises a real document, and what it then knows is shown.

It goes through the command line and HTTP as a user would; only the likelihoods are measured here.
"""
