"""The command line: ``weft run``, ``weft call``, ``weft inspect``, ``weft bindgen`` and ``weft wast``."""

from weft.cli.command import main

__all__ = ["main"]
