"""Any text is a name, an address or a ValueError."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from weft.wasi import Network
from weft.wasi.sockets.names import MAX_NAME_LENGTH, ascii_name, numeric_address

NAMES = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="xn-.019aAf:%\u00fc\u00df\u3002\uff0e\u200d\u0130\u0660", max_size=80),
    st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=70), max_size=8).map(".".join),
)


@given(NAMES)
@example("xn--")
@example("xn--a-.xn--\u00fc")
@example("\u00fc" * 254)
def test_any_text(text: str) -> None:
    """What is no name is a ValueError, and nothing else; what is one has one form, whatever is granted."""
    try:
        address = numeric_address(text)
        name = None if address is not None else ascii_name(text)
    except ValueError:
        return
    if name is None:
        return
    assert name.isascii()
    assert name == name.lower() == ascii_name(name)
    assert len(name.removesuffix(".")) <= MAX_NAME_LENGTH
    Network(name_lookup=[text]).check_name(name)
    Network(name_lookup=[name.upper()]).check_name(name)
