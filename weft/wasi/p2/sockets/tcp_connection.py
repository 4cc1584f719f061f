"""The resource ``tcp-socket`` of WASI 0.2: operations that are started and finished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, final

from weft.wasi.p2.io import InputStream, OutputStream
from weft.wasi.sockets.errors import SocketError
from weft.wasi.sockets.tcp import TcpSocket, TcpState

if TYPE_CHECKING:
    from weft.wasi.sockets.addresses import SocketAddress
    from weft.wasi.sockets.tcp_listener import TcpListener

Operation: TypeAlias = Literal["bind", "connect", "listen"]


@final
class TcpConnection:
    """A TCP socket (`Readiness`: ready when the operation in progress can be finished or a connection accepted).

    Invariant: `_input` and `_output` are there when the socket is connected and the guest knows.

    Attributes:
        tcp: the socket.
    """

    __slots__ = ("_in_progress", "_input", "_listener", "_output", "tcp")

    def __init__(self, tcp: TcpSocket) -> None:
        self.tcp = tcp
        self._in_progress: Operation | None = None
        self._listener: TcpListener | None = None
        self._input: InputStream | None = None
        self._output: OutputStream | None = None

    def on_drop(self) -> None:
        """Stop using the socket; its streams go on."""
        self.tcp.on_drop()
        if self._listener is not None:
            self._listener.close()

    # Readiness.

    def is_ready(self) -> bool:
        """Whether `finish_connect` or `accept` has an answer; nothing else has to be waited for."""
        if self._accepting is not None:
            return self._accepting.is_acceptable()
        return self.tcp.is_attempted()

    async def wait_ready(self) -> None:
        """Wait until that may be so."""
        if self._accepting is not None:
            await self._accepting.wait_acceptable()
        else:
            await self.tcp.wait_attempted()

    @property
    def _accepting(self) -> TcpListener | None:
        return None if self._in_progress else self._listener

    # Operations that are started and finished.

    def _check_idle(self) -> None:
        if self._in_progress is not None:
            raise SocketError("concurrency-conflict")

    def _finish(self, operation: Operation) -> None:
        if self._in_progress != operation:
            raise SocketError("not-in-progress")
        self._in_progress = None

    def start_bind(self, address: SocketAddress) -> None:
        """Bind, which takes no time.

        Raises:
            SocketError: another operation is in progress, or as `TcpSocket.bind`.
            OSError: the system or the context refused.
        """
        self._check_idle()
        self.tcp.bind(address)
        self._in_progress = "bind"

    def finish_bind(self) -> None:
        """Confirm that it is bound."""
        self._finish("bind")

    def start_connect(self, address: SocketAddress) -> None:
        """Begin to connect.

        Raises:
            SocketError: another operation is in progress, or as `TcpSocket.start_connect`.
            OSError: the connection failed already, or the context refused.
        """
        self._check_idle()
        self.tcp.start_connect(address)
        self._in_progress = "connect"

    def finish_connect(self) -> tuple[InputStream, OutputStream]:
        """Return what the peer sends, and what goes to the peer.

        Raises:
            SocketError: it does not connect, or not yet.
            OSError: the connection failed.
        """
        self._finish("connect")
        if not self.tcp.finish_connect():
            self._in_progress = "connect"
            raise SocketError("would-block")
        return self._begin()

    def _begin(self) -> tuple[InputStream, OutputStream]:
        receive, send = self.tcp.receive(), self.tcp.send()
        self._input = InputStream(receive, release=receive.close)
        self._output = OutputStream(send, release=send.close)
        return self._input, self._output

    def start_listen(self) -> None:
        """Listen, which takes no time; other than in 0.3, the socket must be bound.

        Raises:
            SocketError: another operation is in progress, it is not bound, or as `TcpSocket.listen`.
            OSError: the system or the context refused.
        """
        self._check_idle()
        if self.tcp.state is TcpState.UNBOUND:
            raise SocketError("invalid-state")
        self._listener = self.tcp.listen()
        self._in_progress = "listen"

    def finish_listen(self) -> None:
        """Confirm that it listens."""
        self._finish("listen")

    def accept(self) -> tuple[TcpConnection, InputStream, OutputStream]:
        """Return the next connection.

        Raises:
            SocketError: it does not listen.
            OSError: there is none now, or none can be had.
        """
        if self._accepting is None:
            raise SocketError("invalid-state")
        connection = TcpConnection(TcpSocket.accept(self._accepting))
        return connection, *connection._begin()

    def shutdown(self, *, receive: bool, send: bool) -> None:
        """End one or both directions; what was written goes out all the same.

        Raises:
            SocketError: it is not connected.
        """
        if self._input is None or self._output is None:
            raise SocketError("invalid-state")
        if receive:
            self._input.on_drop()
        if send:
            self._output.on_drop()


__all__ = ["TcpConnection"]
