"""Headers and trailers: what guests may put into them, and how much."""

from __future__ import annotations

import gc

import pytest

from weft import Err, Trap
from weft.wasi import WasiCtx, WasiLimits
from weft.wasi.http import FORBIDDEN_HEADERS, Fields, Http, HttpError

CTX = WasiCtx()


def code(call, *args) -> object:
    with pytest.raises(Err) as caught:
        call(*args)
    return caught.value.value


def test_names_ignore_case_and_keep_that_of_the_first() -> None:
    """A name is found in any case, and all its values are given back in the case it was first set in."""
    fields = Fields.from_list(CTX, [("X-One", b"1"), ("other", b""), ("x-one", b"2")])
    assert fields.get("X-ONE") == [b"1", b"2"]
    assert fields.has("OTHER")
    assert list(fields) == [("X-One", b"1"), ("X-One", b"2"), ("other", b"")]


def test_set_replaces_and_an_empty_list_removes() -> None:
    """Setting a name gives it just those values; no values remove it."""
    fields = Fields.from_list(CTX, [("a", b"1"), ("b", b"2")])
    fields.set("A", [b"3", b"4"])
    assert list(fields) == [("a", b"3"), ("a", b"4"), ("b", b"2")]
    fields.set("b", [])
    assert not fields.has("b")
    assert fields.delete("a") == [b"3", b"4"]
    assert fields.byte_length == 0
    assert fields.delete("a") == ()


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "voilà", "(x)", '"x"'])
def test_names_are_tokens(name: str) -> None:
    """A name that is no token is refused, so that no guest can write a line of its own."""
    fields = Fields(CTX)
    assert code(fields.append, name, b"") == "invalid-syntax"
    assert code(fields.set, name, [b""]) == "invalid-syntax"
    assert code(fields.delete, name) == "invalid-syntax"
    assert not fields.has(name)
    assert not fields.get(name)


@pytest.mark.parametrize("value", [b"\n", b"a\r\nHost: b", b"\0", b"\x7f", b"\x1b[0m"])
def test_values_have_no_control_characters(value: bytes) -> None:
    """A value with a control character is refused, so that no guest can end its line."""
    fields = Fields(CTX)
    assert code(fields.append, "a", value) == "invalid-syntax"
    assert code(fields.set, "a", [b"", value]) == "invalid-syntax"
    assert code(Fields.from_list, CTX, [("a", value)]) == "invalid-syntax"


@pytest.mark.parametrize("value", [b"", b"+5", b"-5", b" 5", b"5,5", b"1_0", b"\xb2", b"9" * 21, b"%d" % (1 << 64)])
def test_content_lengths_are_digits(value: bytes) -> None:
    """A content-length that is no number of 64 bits is refused."""
    assert code(Fields(CTX).append, "Content-Length", value) == "invalid-syntax"


def test_content_lengths_that_differ_are_no_length() -> None:
    """Several content-lengths are fine when they agree; when not, the message cannot be sent."""
    fields = Fields.from_list(CTX, [("content-length", b"5"), ("content-length", b"05")])
    assert fields.content_length() == 5
    fields.append("Content-Length", b"6")
    with pytest.raises(HttpError) as caught:
        fields.content_length()
    assert caught.value.code == "HTTP-protocol-error"
    assert Fields(CTX).content_length() is None


@pytest.mark.parametrize("name", [*sorted(FORBIDDEN_HEADERS), "X-Secret"])
def test_some_names_are_forbidden(name: str) -> None:
    """Guests neither set nor see the fields of the connection, nor those that the embedder keeps to itself."""
    ctx = WasiCtx(http=Http(forbidden_headers=["x-secret"]))
    fields = Fields(ctx)
    assert code(fields.append, name.title(), b"x") == "forbidden"
    assert code(fields.set, name, [b"x"]) == "forbidden"
    assert code(fields.delete, name) == "forbidden"
    received = Fields.received(ctx, [(name.encode(), b"x"), (b"Fine", b"y")], "HTTP-request-header-section-size")
    assert list(received) == [("Fine", b"y")]


def test_immutable_fields_stay() -> None:
    """Nothing changes immutable fields, not even a view of them; a clone can be changed."""
    fields = Fields.from_list(CTX, [("a", b"1")])
    view = fields.view()
    for each in (fields, view):
        assert code(each.append, "b", b"") == "immutable"
        assert code(each.set, "b", [b""]) == "immutable"
        assert code(each.set, "a", []) == "immutable"
        assert code(each.delete, "a") == "immutable"
    clone = view.clone()
    clone.append("a", b"2")
    assert list(view) == [("a", b"1")]
    assert list(clone) == [("a", b"1"), ("a", b"2")]


def test_all_fields_together_have_a_limit() -> None:
    """Many small values, empty ones too, end at the limit like one large one; what was refused changed nothing."""
    ctx = WasiCtx(limits=WasiLimits(header_byte_length=200))
    fields = Fields(ctx)
    for _ in range(6):
        fields.append("a", b"")
    assert code(fields.append, "a", b"") == "size-exceeded"
    assert len(fields.get("a")) == 6
    assert code(fields.set, "a", [b"x" * 200]) == "size-exceeded"
    assert len(fields.get("a")) == 6
    fields.set("a", [b"x" * 100])
    assert fields.byte_length == 1 + 100 + 32


def test_too_many_received_are_an_error_of_their_direction() -> None:
    """Headers of the network that are too long, or malformed, are an error that says which they were."""
    ctx = WasiCtx(limits=WasiLimits(header_byte_length=100))
    with pytest.raises(HttpError) as caught:
        Fields.received(ctx, [("a", b"x" * 100)], "HTTP-response-trailer-section-size")
    assert caught.value.code == ("HTTP-response-trailer-section-size", None)
    with pytest.raises(HttpError) as caught:
        Fields.received(ctx, [(b"a b", b"")], "HTTP-response-trailer-section-size")
    assert caught.value.code == "HTTP-protocol-error"


def test_objects_share_a_limit_and_give_it_back() -> None:
    """All fields that a guest makes hold no more than the limit together, and nothing when they are gone."""
    ctx = WasiCtx(limits=WasiLimits(held_byte_length=4096))
    kept = [Fields(ctx) for _ in range(8)]
    with pytest.raises(Trap):
        Fields(ctx)
    assert ctx.held.held == 4096
    del kept[-1]
    fields = Fields(ctx)
    assert code(fields.append, "a", b"x" * 500) == "size-exceeded"
    with pytest.raises(Trap):
        fields.view()
    kept.clear()
    del fields
    gc.collect()
    assert ctx.held.held == 0


def test_what_is_seen_through_a_view_is_held() -> None:
    """Headers count for as long as anybody sees them, be it through the view of a view of a message that is gone."""
    ctx = WasiCtx()
    fields = Fields.from_list(ctx, [("a", b"x" * 9000)])
    view = fields.view().view()
    del fields
    gc.collect()
    assert ctx.held.held > 9000
    assert view.get("a") == [b"x" * 9000]
    del view
    gc.collect()
    assert ctx.held.held == 0


def test_names_are_not_cheap() -> None:
    """Many short names, and copies of them, take no more memory than the limit."""
    ctx = WasiCtx(limits=WasiLimits(held_byte_length=100_000))
    fields = Fields(ctx)
    while ctx.held.held < 99_500:
        fields.append(f"{len(fields)}", b"")
    assert code(fields.append, "x" * 300, b"") == "size-exceeded"
    names = len(fields)
    assert 100 < names < 400
    for number in range(200, names):
        fields.delete(f"{number}")
    fields.set("0", [])
    assert len(fields) == 199
    with pytest.raises(Trap):
        fields.clone()


def test_a_length_that_does_not_count_is_not_seen() -> None:
    """Contents in chunks have no other length (RFC 9112, section 6.3): who passes the message on must not say one."""
    entries = [("Content-Length", b"3"), ("X", b"1"), ("Transfer-Encoding", b"chunked")]
    for given in (entries, entries[::-1]):
        received = Fields.received(WasiCtx(), given, "HTTP-request-header-section-size")
        assert list(received) == [("X", b"1")]
        assert received.content_length() is None
