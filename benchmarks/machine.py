"""Where and with what a run was made."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "srcgrad",
    "numpy",
    "scipy",
    "numba",
    "llvmlite",
    "jax",
    "jaxlib",
    "torch",
    "autograd",
)


def describe() -> dict[str, Any]:
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": _load(),
    }


def versions() -> dict[str, str]:
    found = {package: _version(package) for package in PACKAGES}
    return {"python": platform.python_version(), **{k: v for k, v in found.items() if v}}


def commit() -> str | None:
    """The state of the checkout that was measured, None outside one."""
    command = ["git", "describe", "--always", "--dirty"]
    try:
        run = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return run.stdout.strip()


def import_seconds(package: str) -> float | None:
    """The time of one import in a fresh process, None where it fails."""
    program = f"from time import perf_counter; t = perf_counter(); import {package}; print(perf_counter() - t)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    return float(run.stdout.split()[-1]) if run.returncode == 0 else None


def peak_memory() -> int:
    """The most bytes of memory that this process has had so far, with all that it imported.

    The kernel's own mark of this process image: ``getrusage`` would count the parent that it was forked from.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _load() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _cpu_model() -> str:
    """The model's name, with family and numbers where Linux tells them: virtual machines shorten the name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor()
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    instructions = [name for name in ("avx2", "avx512f") if name in facts.get("flags", "").split()]
    numbers = f"family {facts.get('cpu family')} model {facts.get('model')}"
    return ", ".join([facts.get("model name", platform.machine()), numbers, *instructions])
