"""Sockets and names, as both versions of wasi:sockets use them."""
