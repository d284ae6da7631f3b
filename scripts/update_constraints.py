"""Write constraints.txt: the versions, in the environment this runs in, of all that the project needs.

Run it in an environment whose tests have passed: `.venv/bin/python scripts/update_constraints.py`.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = "napari-segmotif"
HEADER = """\
# The versions that were tested together, written by scripts/update_constraints.py.
# pip install -c constraints.txt -e '.[qt,dev]'
"""


def needed(name: str, extras: frozenset[str], found: dict[str, set[str]]) -> None:
    """Walk the requirements of an installed distribution, noting in `found` who was met with which extras."""
    known = found.setdefault(canonicalize_name(name), set())
    if {"", *extras} <= known:
        return
    known.update({"", *extras})
    for line in metadata.requires(name) or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            needed(requirement.name, frozenset(requirement.extras), found)


def main() -> None:
    """Write the file beside pyproject.toml."""
    found: dict[str, set[str]] = {}
    needed(PROJECT, frozenset({"qt", "dev"}), found)
    # A local label (+cpu, +cu130) names one build of a version, which other machines do not have.
    pins = [f"{name}=={Version(metadata.version(name)).public}" for name in sorted(found) if name != PROJECT]
    path = Path(__file__).resolve().parent.parent / "constraints.txt"
    path.write_text(HEADER + "\n".join(pins) + "\n", encoding="utf-8")
    print(f"{path.name}: {len(pins)} packages")


if __name__ == "__main__":
    main()
