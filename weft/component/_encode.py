"""The few encodings that skeletons need.

Source: core specification, binary format, "Integers".
"""

from __future__ import annotations


def leb(value: int) -> bytes:
    """Encode a nonnegative integer as unsigned LEB128."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def type_index(value: int) -> bytes:
    """Encode a type index as signed LEB128: bit 6 of its last byte is clear."""
    out = bytearray()
    while value > 0x3F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def name(text: str) -> bytes:
    """Encode a name: its length in bytes, and UTF-8."""
    data = text.encode()
    return leb(len(data)) + data


def section(section_id: int, *body: bytes) -> bytes:
    """Encode a section, of a component or of a core module."""
    return b"".join((bytes([section_id]), leb(sum(map(len, body))), *body))


__all__ = ["leb", "name", "section", "type_index"]
