"""The command line: ``weft bindgen``, ``weft call``, ``weft inspect`` and ``weft wast``."""

from weft.cli.command import main

__all__ = ["main"]
