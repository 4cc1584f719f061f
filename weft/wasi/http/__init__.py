"""HTTP for guests (WASI)."""
