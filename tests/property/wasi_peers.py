"""What the world does beside a guest: connections, pipes and directories that change while it runs."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from fs_sandbox import Sandbox


class Peers:
    """The other processes: they listen, connect, send, reset, and rename directories."""

    def __init__(self, sandbox: Sandbox, random: Random) -> None:
        self.sandbox = sandbox
        self.random = random
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.port: int = self.listener.getsockname()[1]
        self.sockets: list[socket.socket] = []
        self.stdin = os.pipe()
        self.stdout = os.pipe()
        os.set_blocking(self.stdout[0], False)
        os.mkfifo(sandbox.root / "fifo")
        (sandbox.root / "swapped").mkdir()

    def act(self, ports: list[int]) -> None:
        with contextlib.suppress(OSError):
            self.random.choice((self.accept, self.talk, self.talk, self.end, self.swap, self.pipe, self.connect))(ports)

    def accept(self, _ports: list[int]) -> None:
        self.sockets.append(self.listener.accept()[0])
        self.sockets[-1].setblocking(False)

    def connect(self, ports: list[int]) -> None:
        made = socket.socket()
        self.sockets.append(made)
        made.setblocking(False)
        made.connect_ex(("127.0.0.1", self.random.choice(ports)))

    def talk(self, _ports: list[int]) -> None:
        peer = self.random.choice(self.sockets or [self.listener])
        if self.random.random() < 0.5:
            peer.send(b"s" * self.random.choice((1, 1000, 300_000)))
        else:
            peer.recv(self.random.choice((1, 1000, 300_000)))

    def end(self, _ports: list[int]) -> None:
        if self.sockets:
            peer = self.sockets.pop(self.random.randrange(len(self.sockets)))
            if self.random.random() < 0.5:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()

    def swap(self, _ports: list[int]) -> None:
        swapped = self.sandbox.root / "swapped"
        if swapped.is_symlink():
            swapped.unlink()
            swapped.mkdir()
        else:
            swapped.rename(self.sandbox.root / f"old{self.random.randrange(1000)}")
            swapped.symlink_to("../outside")

    def pipe(self, _ports: list[int]) -> None:
        if self.random.random() < 0.5:
            os.write(self.stdin[1], b"in")
        else:
            os.read(self.stdout[0], 100_000)

    def close(self) -> None:
        for each in [self.listener, *self.sockets]:
            each.close()
        for fd in (*self.stdin, *self.stdout):
            os.close(fd)


__all__ = ["Peers"]
