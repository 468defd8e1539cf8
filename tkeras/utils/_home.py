"""Where downloads are kept."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def keras_home() -> Path:
    """``$KERAS_HOME``, else ``~/.keras``, in a temporary folder where the home cannot be written to."""
    given = os.environ.get("KERAS_HOME")
    if given:
        return Path(given)
    home = Path.home()
    if not os.access(home, os.W_OK):
        home = Path(tempfile.gettempdir())
    return home / ".keras"
