import pytest

from weft.component.reader import MAX_DEPTH, Reader
from weft.errors import DecodeError


def reader(data: bytes) -> Reader:
    return Reader(data, 0, len(data))


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x00", 0),
        (b"\x7f", 127),
        (b"\x80\x01", 128),
        (b"\xff\xff\xff\xff\x0f", 2**32 - 1),
        (b"\x81\x80\x80\x80\x00", 1),
    ],
)
def test_u32(data: bytes, value: int) -> None:
    """A u32 takes up to five bytes, padded with zeros or not."""
    r = reader(data)
    assert r.u32() == value
    assert r.at_end()


@pytest.mark.parametrize(
    ("data", "reason", "offset"),
    [
        (b"", "unexpected end-of-file", 0),
        (b"\x80\x80", "unexpected end-of-file", 2),
        (b"\x81\x80\x80\x80\x70", "integer too large", 0),
        (b"\x81\x80\x80\x80\x80\x00", "integer representation too long", 0),
    ],
)
def test_u32_faults(data: bytes, reason: str, offset: int) -> None:
    """Bits beyond the 32nd, a sixth byte and a missing byte are refused."""
    with pytest.raises(DecodeError) as caught:
        reader(data).u32()
    assert (caught.value.reason, caught.value.offset) == (reason, offset)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x7f", -1),
        (b"\x40", -64),
        (b"\x3f", 63),
        (b"\xc0\x00", 64),
        (b"\xff\xff\xff\xff\x0f", 2**32 - 1),
        (b"\x80\x80\x80\x80\x70", -(2**32)),
    ],
)
def test_s33(data: bytes, value: int) -> None:
    """An s33 holds every u32 and its negatives."""
    assert reader(data).s33() == value


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff\x1f", b"\xff\xff\xff\xff\x4f", b"\x80\x80\x80\x80\x80\x00"])
def test_s33_faults(data: bytes) -> None:
    """The bits above the 33rd of an s33 must repeat its sign."""
    with pytest.raises(DecodeError):
        reader(data).s33()


def test_u64() -> None:
    """A u64 takes up to ten bytes and no more than 64 bits."""
    assert reader(b"\xff" * 9 + b"\x01").u64() == 2**64 - 1
    with pytest.raises(DecodeError, match="too large"):
        reader(b"\xff" * 9 + b"\x02").u64()


def test_name_must_be_utf8() -> None:
    """A name that is not UTF-8 is refused at the offending byte."""
    with pytest.raises(DecodeError, match="malformed UTF-8") as caught:
        reader(b"\x03a\xff\xfe").name()
    assert caught.value.offset == 2


def test_vector_longer_than_its_bytes() -> None:
    """A vector's count is checked against the bytes that remain before anything is read."""
    with pytest.raises(DecodeError, match="end-of-file"):
        reader(b"\xff\xff\xff\xff\x0f\x00").vec(Reader.u32)


def test_vector_longer_than_the_limit() -> None:
    """A vector of more than a million items is refused."""
    with pytest.raises(DecodeError, match="vector longer than"):
        reader(b"\xc1\x84\x3d" + bytes(1_000_001)).vec(Reader.byte)


def test_window_stays_inside() -> None:
    """A window longer than what remains is refused; inside one, its end is the end."""
    r = reader(b"abcdef")
    window = r.window(2)
    assert window.bytes(2) == b"ab"
    with pytest.raises(DecodeError):
        window.byte()
    with pytest.raises(DecodeError):
        r.window(5)


def test_depth_is_limited() -> None:
    """The hundred-and-first nested scope is refused."""
    r = reader(b"")
    for _ in range(MAX_DEPTH):
        r.descend()
    with pytest.raises(DecodeError, match="nest deeper"):
        r.descend()
