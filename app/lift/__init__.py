"""The method of LIFT (arXiv 2502.14644), as a library that knows nothing of the service.

Read in this order: `config` (settings), `segments` (text cut into tokens), `prompts` (what the
model is shown), `synthesis` and `pair_writing` (question/answer pairs), `examples` (what is
supervised), `memory` (Gated Memory and how it is plugged in), `two_stages` (the paper's plan of
training), `lessons` (ours), `trainer`, `checkpoint` (a training that goes on later), `adapter` (the
file), `former` (a text that has changed), `pipeline` (all of it on one screen), `relevance` (which
questions read a memory), `generation` (answering).

Axes in comments: B batch, T tokens, H query heads, D head size, E inner size of the memory.
"""

import os

# Training and answering are processes that share one machine's cores. OpenMP's threads wait by
# spinning unless told not to, on the core that the other process needs. It reads this once, when
# torch is loaded, which only happens after this package.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
