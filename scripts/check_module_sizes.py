"""Fail when a module of the package has grown beyond what one idea needs."""

from __future__ import annotations

import sys
from pathlib import Path

LIMIT = 400


def main() -> int:
    """Name every module that is too long; return how many there are."""
    source = Path(__file__).resolve().parent.parent / "src"
    too_long = 0
    for module in sorted(source.rglob("*.py")):
        lines = len(module.read_text(encoding="utf-8").splitlines())
        if lines >= LIMIT:
            too_long += 1
            print(f"{module.relative_to(source)}: split it, a module stays under {LIMIT} lines (got {lines})")
    return too_long


if __name__ == "__main__":
    sys.exit(min(main(), 1))
