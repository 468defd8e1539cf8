"""What a measurement was made on."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

_ROOT = Path(__file__).parent.parent


def environment() -> dict[str, str]:
    """Processor, cores, threads, load before the start, commit, versions of the packages compared, date."""
    facts = {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "load": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
    }
    facts["commit"] = _commit()
    for package in ("tkeras", "torch", "triton", "keras", "numpy"):
        try:
            facts[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            facts[package] = "missing" if package != "tkeras" else _own_version()
    facts["date"] = datetime.datetime.now(datetime.UTC).date().isoformat()
    return facts


def _own_version() -> str:
    """Of the source that lies beside, where it is not installed."""
    return tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["version"]


def _commit() -> str:
    """What was measured, with a + where files were changed since; "unknown" outside a repository."""
    try:
        told = [
            subprocess.run(
                ["git", "-C", str(_ROOT), *command], capture_output=True, text=True, check=True
            ).stdout
            for command in (
                ["rev-parse", "--short", "HEAD"],
                ["status", "--porcelain", "--untracked-files=no"],
            )
        ]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told[0].strip() + ("+" if told[1].strip() else "")


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
