"""The engine in a process of its own: its crash costs the answers under way, and not the server.

The API's side is `answering` (the `Answerer`), `keeping` (starts the process, again and again),
`link` (what is said to one process) and `lending` (texts and files for it); it loads no torch. The
process's side is `serving` and `borrowing`. What they say to each other stands in `messages`.
"""
