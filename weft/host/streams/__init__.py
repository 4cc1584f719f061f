"""Streams and futures: their ends, what fills and empties them, and what moves items between."""
