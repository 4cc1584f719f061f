"""A directory that a guest has, in one of the host's with secrets beside it."""

from __future__ import annotations

import errno
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from weft import wasi
from weft.wasi.filesystem import Descriptor, directory, open_at, open_preopen
from weft.wasi.filesystem.times import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET = "what the guest must not see"

PATH_FUNCTIONS: dict[str, Callable[[Descriptor, str], Any]] = {
    "stat": lambda at, path: directory.stat_at(at, path, follow=False),
    "hash": lambda at, path: directory.metadata_hash_at(at, path, follow=False),
    "times": lambda at, path: directory.set_times_at(at, path, NOW, NOW, follow=False),
    "mkdir": directory.create_directory_at,
    "rmdir": directory.remove_directory_at,
    "unlink": directory.unlink_file_at,
    "readlink": directory.read_link_at,
    "symlink": lambda at, path: directory.symlink_at(at, "file", path),
    "rename from": lambda at, path: directory.rename_at(at, path, at, "taken"),
    "rename to": lambda at, path: directory.rename_at(at, "file", at, path),
    "link from": lambda at, path: directory.link_at(at, path, at, "taken", follow=False),
    "link to": lambda at, path: directory.link_at(at, "file", at, path, follow=False),
}
"""What takes a path of a guest's, and does not follow a link at its end."""


class Sandbox:
    """``root`` is the guest's; ``outside`` is beside it and has a ``secret``.

    In the guest's there are ``file``, ``dir/inner``, and links: ``up`` to its parent, ``out`` to the directory outside,
    ``absolute`` to the secret, ``loop`` to itself, ``to-dir``, ``to-file``, and ``dangling``.
    """

    def __init__(self, path: Path, limits: wasi.WasiLimits | None = None) -> None:
        self.root, self.outside = path / "root", path / "outside"
        self.ctx = wasi.WasiCtx(limits=limits or wasi.WasiLimits(), block_loop=True)
        for made in (self.root, self.outside, self.root / "dir"):
            made.mkdir()
        (self.outside / "secret").write_text(SECRET)
        (self.root / "file").write_text("file")
        (self.root / "dir" / "inner").write_text("inner")
        for name, target in {
            "up": "..",
            "out": "../outside",
            "absolute": str(self.outside / "secret"),
            "loop": "loop",
            "to-dir": "dir",
            "to-file": "file",
            "dangling": "dir/made",
        }.items():
            (self.root / name).symlink_to(target)
        self.directory = self.preopen()

    def preopen(self, *, read_only: bool = False) -> Descriptor:
        return open_preopen(self.ctx, wasi.Preopen(str(self.root), "/", read_only=read_only))

    def open(
        self, path: str, open_flags: str = "", flags: str = "", *, follow: bool = True, at: Descriptor | None = None
    ) -> Descriptor:
        labels = frozenset(open_flags.split()), frozenset(flags.split())
        opening = open_at(self.ctx, at or self.directory, path, *labels, follow=follow)
        try:
            opening.send(None)
        except StopIteration as opened:
            descriptor: Descriptor = opened.value
            return descriptor
        raise AssertionError("a context that may block the event loop never waits")

    def outside_is_untouched(self) -> bool:
        return names_in(self.outside) == {"secret"} and (self.outside / "secret").read_text() == SECRET

    @property
    def open_descriptors(self) -> int:
        return descriptors_into(self.root.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.directory.on_drop()
        assert self.outside_is_untouched()
        assert self.ctx.handles.open == 0
        assert self.open_descriptors == 0


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def descriptors_into(path: Path) -> int:
    """Return how many of the process's descriptors are of what is at or below `path`."""
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself
            count += descriptor.readlink().is_relative_to(path)
    return count


@contextmanager
def fails(*names: str) -> Iterator[None]:
    """The block raises an OSError with one of these names."""
    try:
        yield
    except OSError as error:
        assert errno.errorcode[error.errno or 0] in names  # noqa: PT017 - the number is what counts
    else:
        pytest.fail(f"nothing was raised where {names} was expected")
