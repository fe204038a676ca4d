"""Which licences a package of the server may have, and the exceptions, each with its reason.

Decided by what the licences ask of somebody who runs or passes on the server. Nothing here is legal
advice.
"""

from dataclasses import dataclass

ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "CNRI-Python",
        "ISC",
        "LicenseRef-BSD",
        "MIT",
        "MIT-CMU",
        "MPL-2.0",  # asks for the source of its own files, which are as published
        "PSF-2.0",
        "Zlib",
    }
)

NAMES = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "BSD": "LicenseRef-BSD",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "New BSD": "BSD-3-Clause",
    "PSFL": "PSF-2.0",
}
"""What packages write instead of an SPDX expression. A bare BSD has two clauses or three: all that
say no more were read, but for cobble's, whose wheel holds no text."""

CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "LicenseRef-BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""What follows `License :: OSI Approved ::`."""

READ = {
    "locate": "MIT",  # the LICENSE in its wheel; its metadata says `other`
    "pypdfium2": "BSD-3-Clause AND Apache-2.0",  # and permissive ones of what PDFium is built from
    "rouge": "Apache-2.0",  # its metadata names a file; this is the one in its wheel
    "wordfreq": "Apache-2.0 AND CC-BY-SA-4.0",  # its code, and its counts of words
}
"""What was read in the wheels of packages whose metadata does not say it."""


@dataclass(frozen=True, slots=True)
class Exempt:
    """A package that may stay with a licence that is not allowed in general."""

    licence: str
    reason: str


_LIBPQ = (
    "Imported as it is published, as a package of its own that anybody can replace: what the LGPL "
    "asks of a program that uses a library."
)
"""Of both psycopg packages."""

EXEMPT = {
    "psycopg": Exempt("LGPL-3.0-only", _LIBPQ),
    "psycopg-binary": Exempt("LGPL-3.0-only", _LIBPQ),
    "wordfreq": Exempt(
        "Apache-2.0 AND CC-BY-SA-4.0",
        "Its counts of words are looked up as they are published, in a package of their own that "
        "names where they come from: nothing is made of them that would have to be shared alike.",
    ),
}

CUDA = ("cuda-", "nvidia-")
CUDA_REASON = "With PyTorch's CUDA build alone; NVIDIA's own terms, which are not open source's."
"""Of every package whose name begins like one of these, whatever its metadata says."""
