"""Plots that may be higher than there is room for."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

EDGE = 4
"""Pixels by which a scroll area must be higher than its plot: napari's theme gives it an edge."""


def scrolled(plot: QWidget) -> QScrollArea:
    """Put a plot into a scroll area that is as wide as the plot, and scrolls up and down only."""
    # A scroll area makes a widget smaller again only if that has a layout.
    inside = QWidget()
    column = QVBoxLayout(inside)
    column.setContentsMargins(0, 0, 0, 0)
    column.addWidget(plot)
    area = QScrollArea()
    area.setWidget(inside)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area
