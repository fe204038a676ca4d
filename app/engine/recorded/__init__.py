"""Decoding steps that are recorded once and played again, without Python between the kernels."""
