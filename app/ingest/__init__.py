"""Files to text: what a document says, in reading order, with the places of its pages and headings.

`screening` looks an upload over while it streams in; `sandbox` has a capped child process parse it;
`parsing` is what that child runs. Knows no HTTP, no database and no store.
"""
