"""Puts this directory on the path: the fakes beside it are shared by unit and property tests."""

from __future__ import annotations

import os

from hypothesis import settings

# Every run tries the same examples, so that a failure is the change's; WEFT_RANDOM_EXAMPLES=1 looks for new ones.
settings.register_profile("weft", derandomize="WEFT_RANDOM_EXAMPLES" not in os.environ, deadline=None)
settings.load_profile("weft")
