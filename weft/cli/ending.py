"""How ``weft run`` ends other than by itself: signals, a broken pipe, a time that is up.

A guest may compute for ever, or compile for minutes, and Python handles no signal meanwhile. So the signals that end a
program end this one as they end any: by their default action, at once. Only who writes a trace needs a thread to
complete it first.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final, NoReturn, final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from weft.wasi import DescriptorOutput

TIMEOUT_STATUS: Final = 124
"""The status after a timeout, which is that of ``timeout`` (GNU coreutils)."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def open_missing_descriptors() -> None:
    """Open what is closed of stdin, stdout and stderr on nothing: the next file that is opened must not become it."""
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this
        if getattr(sys, name) is None:
            setattr(sys, name, open(fd, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - as long as the process


@contextmanager
def ended_by_signals(finish: Callable[[], object] | None) -> Iterator[None]:
    """Let signals end the process, whatever it is doing.

    Args:
        finish: what is to be done before that, in a thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # a program that calls `main` in a thread keeps its signals to itself
        return
    before = {number: signal.signal(number, signal.SIG_DFL) for number in _SIGNALS}
    try:
        with ExitStack() as stack:
            if finish is not None:
                stack.enter_context(_finished_first(finish))
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _finished_first(finish: Callable[[], object]) -> Iterator[None]:
    """Hold the signals back in every thread but one, which finishes and then lets them act."""
    over = threading.Event()

    def watch() -> None:
        number = signal.sigwait(_SIGNALS)
        if not over.is_set():
            _finish(finish)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            os.kill(os.getpid(), number)

    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        assert watcher.ident is not None
        signal.pthread_kill(watcher.ident, signal.SIGTERM)
        watcher.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _finish(finish: Callable[[], object]) -> None:
    """Do what is to be done at the end; that it fails does not keep the process from ending."""
    try:
        finish()
    except OSError as error:
        print(f"weft: {error}", file=sys.stderr, flush=True)


@contextmanager
def ended_by_timeout(seconds: float | None, finish: Callable[[], object] | None) -> Iterator[None]:
    """End the process with `TIMEOUT_STATUS` when it takes longer.

    Args:
        seconds: how long it may take; None for as long as it likes.
        finish: what is to be done before that.
    """
    if seconds is None:
        yield
        return

    def expire() -> NoReturn:
        print(f"weft: timed out after {seconds:g} s", file=sys.stderr, flush=True)
        if finish is not None:
            _finish(finish)
        os._exit(TIMEOUT_STATUS)  # the guest may never come back

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


@final
class SignallingOutput:
    """A standard output that ends the process with SIGPIPE when nobody reads it any more, as other programs end.

    Python ignores that signal, for it would come from sockets, too.
    """

    __slots__ = ("_output",)

    def __init__(self, output: DescriptorOutput) -> None:
        self._output = output

    @property
    def is_terminal(self) -> bool:
        """Whether it is a terminal."""
        return self._output.is_terminal

    def write_from(self, view: memoryview) -> int:
        """Write as much as goes without waiting."""
        try:
            return self._output.write_from(view)
        except BrokenPipeError:
            with suppress(ValueError):  # in another thread than the main one there is just the error
                signal.signal(signal.SIGPIPE, signal.SIG_DFL)
                os.kill(os.getpid(), signal.SIGPIPE)
            raise

    async def wait_writable(self) -> None:
        """Wait until something can be written."""
        await self._output.wait_writable()


__all__ = ["TIMEOUT_STATUS", "SignallingOutput", "ended_by_signals", "ended_by_timeout", "open_missing_descriptors"]
