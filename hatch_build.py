"""Put napari.yaml and sample_data/, which stand once at the top of the repository, into the package.

A wheel gets copies inside the package. An editable install runs from src/, and npe2 looks for the manifest
in the package's own folder: there it finds a link, so the file at the top stays the only one to edit.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "napari_segmotif"
FROM_THE_TOP = ("napari.yaml", "sample_data")


class CustomBuildHook(BuildHookInterface[Any]):
    """Copy the top-level files into a wheel, link them for an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Do the one or the other, before hatch collects its files."""
        for name in FROM_THE_TOP:
            if version == "editable":
                link(Path(self.root, name), Path(self.root, "src", PACKAGE, name))
            else:
                build_data["force_include"][name] = f"{PACKAGE}/{name}"


def link(target: Path, place: Path) -> None:
    """Put a relative link to `target` at `place`; a copy where the system allows no links (Windows)."""
    if place.is_symlink() or place.is_file():
        place.unlink()
    elif place.is_dir():
        shutil.rmtree(place)
    try:
        place.symlink_to(Path("..", "..", target.name), target_is_directory=target.is_dir())
    except OSError:
        if target.is_dir():
            shutil.copytree(target, place)
        else:
            shutil.copy2(target, place)
