"""``python -m tkeras``."""

from tkeras.cli import main

raise SystemExit(main())
