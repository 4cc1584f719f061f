"""Puts the guests of WASI's unit tests on the path."""

from __future__ import annotations

import sys
from pathlib import Path

_UNIT = Path(__file__).parent.parent / "unit" / "wasi"
sys.path += [str(_UNIT / name) for name in ("filesystem", "sockets")]
