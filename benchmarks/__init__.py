"""Benchmarks: weft beside the limit of what Python and Wasmtime allow, and beside its peer, wasmtime-py."""
