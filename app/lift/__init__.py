"""The method of LIFT (arXiv 2502.14644), as a library that knows nothing of the service.

Read in this order: `config` (settings), `segments` (text cut into tokens), `prompts` (what the
model is shown), `synthesis` (question/answer pairs), `examples` (what is supervised), `memory`
(Gated Memory and how it is plugged in), `trainer`, `adapter` (the file), `pipeline` (all of it
on one screen), `generation` (answering).

Axes in comments: B batch, T tokens, H query heads, D head size, E inner size of the memory.
"""
