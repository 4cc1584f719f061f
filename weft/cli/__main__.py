"""``python -m weft.cli`` is ``weft``."""

import sys

from weft.cli.command import main

sys.exit(main())
