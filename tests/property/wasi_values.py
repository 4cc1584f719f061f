"""Values that a guest may call WASI with: mostly sensible ones, and extremes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import fs_guest

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

NUMBERS = (0, 1, 2, 7, 100, 4096, 65_536, (1 << 20) + 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
LONG_NUMBERS = (*NUMBERS, 1_000_000_000, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
LENGTHS = (0, 1, 100, 4096, 4097, 65_507, 65_536)
NAMES = ("file", "dir", "dir/inner", "new", "dir/new", "to-dir", "to-file", "up", "out", "swapped", "swapped/secret")
PATHS = (
    *NAMES, ".", "..", "./", "dir/", "dir/..", "dir/../..", "up/outside/secret", "out/secret", "absolute", "loop",
    "dangling", "file/", "new/", "dir/new/", "", "/", "/etc/passwd", "a\0b", "n" * 255, "n" * 256, "d/" * 2047 + "d",
    "x" * 5000, "\u20ac", "\U0001f600", "dir//inner", "to-dir/inner", "to-dir/../file", "fifo", "socket", "\udbff"[:0],
)  # fmt: skip
HOSTS = (
    "localhost", "127.0.0.1", "::1", "", ".", "a..b", "localhost.", "LOCALHOST", "127.1", "0x7f000001", "1.2.3.4.5",
    "::ffff:127.0.0.1", "fe80::1%lo", "x" * 64, "x." * 127, "y" * 300, "\xfc.example", "\u3002", "xn--a", "a\0b", "a b",
    "example.org", "256.256.256.256", "[::1]", "localhost:80",
)  # fmt: skip
ADDRESSES = {
    "ipv4": ((127, 0, 0, 1), (127, 0, 0, 1), (0, 0, 0, 0), (255, 255, 255, 255), (224, 0, 0, 1), (8, 8, 8, 8)),
    "ipv6": (
        (0, 0, 0, 0, 0, 0, 0, 1), (0, 0, 0, 0, 0, 0, 0, 1), (0,) * 8, (0, 0, 0, 0, 0, 0xFFFF, 0x7F00, 1),
        (0, 0, 0, 0, 0, 0, 0x7F00, 1), (0xFF02, 0, 0, 0, 0, 0, 0, 1), (0xFE80, 0, 0, 0, 0, 0, 0, 1), (0xFFFF,) * 8,
    ),
}  # fmt: skip


class Values:
    """Makes arguments.

    Attributes:
        ports: of this machine that somebody listens at, or did.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.ports = [0, 9]
        choose = random.choice
        self.made_by: dict[str, Callable[[], Any]] = {
            "u8": lambda: choose((0, 1, 64, 255)),
            "u32": lambda: choose(NUMBERS),
            "u64": lambda: choose(LONG_NUMBERS),
            "bool": lambda: choose((False, True)),
            "string": lambda: choose(PATHS),
            "(list u8)": lambda: random.randbytes(1) * choose(LENGTHS),
            "$family": lambda: choose(("ipv4", "ipv4", "ipv6")),
            "$how": lambda: choose(("receive", "send", "both")),
            "$address": self.address,
            "(option $address)": lambda: choose((None, self.address())),
            "(list $outgoing)": lambda: [self.datagram() for _ in range(choose((0, 1, 3, 16, 17)))],
            "$new-timestamp": self.new_timestamp,
            "$advice": lambda: choose(fs_guest.ADVICE),
            "$path-flags": lambda: choose(([], ["symlink-follow"])),
            "$open-flags": lambda: self.some(["create", "directory", "exclusive", "truncate"]),
            "$descriptor-flags": lambda: self.some(fs_guest.DESCRIPTOR_FLAGS),
        }

    def some(self, labels: list[str]) -> list[str]:
        return [label for label in labels if self.random.random() < 0.35]

    def host(self) -> str:
        return self.random.choice(HOSTS)

    def address(self) -> Any:
        family = self.random.choice(("ipv4", "ipv4", "ipv4", "ipv6"))
        index = self.random.randrange(len(ADDRESSES[family])) if self.random.random() < 0.3 else 0
        fields: dict[str, Any] = {"port": self.random.choice(self.ports), "address": ADDRESSES[family][index]}
        if family == "ipv6":
            numbers = (0, 0, 0, 1, (1 << 32) - 1)
            fields |= {"flow-info": self.random.choice(numbers), "scope-id": self.random.choice(numbers)}
        return family, fields

    def datagram(self) -> Any:
        return {"data": b"d" * self.random.choice(LENGTHS), "remote-address": self.made_by["(option $address)"]()}

    def new_timestamp(self) -> Any:
        seconds, nanoseconds = self.random.choice(LONG_NUMBERS), self.random.choice(NUMBERS)
        given = {"seconds": seconds if seconds < 1 << 63 else 0, "nanoseconds": nanoseconds}
        return self.random.choice(("no-change", "now", ("timestamp", given)))


__all__ = ["Values"]
