"""The command line: ``weft run``, ``serve``, ``call``, ``inspect``, ``bindgen`` and ``wast``."""

from weft.cli.command import main

__all__ = ["main"]
