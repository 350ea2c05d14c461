# SPDX-License-Identifier: MIT
"""Where the parts of this tree are: for the Python programs in scripts/ and bench/."""

import os
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("DPHUGE_BUILD", TOP / "build"))
LIBRARY = os.environ.get("LIBDPHUGE", str(BUILD / "preload/libdphuge.so"))
