"""The world of a component. Written by ``weft bindgen``."""

from __future__ import annotations

from . import buckets as buckets
