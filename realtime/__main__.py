"""``python -m realtime`` is ``voxgate``."""

from __future__ import annotations

import sys

from realtime.cli import main

if __name__ == "__main__":
    sys.exit(main())
