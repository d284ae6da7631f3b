"""Fixtures for the tests of the feature explorer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from napari import Viewer

sys.path.insert(0, str(Path(__file__).parent))

from explorer_scene import discs

if TYPE_CHECKING:
    from napari_segmotif.gui.explore.widget import FeatureExplorerWidget


@pytest.fixture
def widget(viewer: Viewer) -> FeatureExplorerWidget:
    """A docked explorer beside an image of 48 discs."""
    from napari_segmotif.gui.explore.widget import FeatureExplorerWidget

    labels, image, _ = discs()
    viewer.add_image(image, name="DAPI")
    viewer.add_labels(labels, name="cells")
    widget = FeatureExplorerWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Feature explorer")
    widget.form.objects.groups["neighbourhood"].setChecked(False)
    return widget


@pytest.fixture
def measured(widget: FeatureExplorerWidget) -> FeatureExplorerWidget:
    """The explorer with the discs measured."""
    widget.measure()
    assert widget.wait()
    assert widget.session.n == 48
    return widget
