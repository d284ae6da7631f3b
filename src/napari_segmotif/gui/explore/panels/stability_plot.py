"""How stable each number of clusters is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from ...curve_plot import CurvePlot

if TYPE_CHECKING:
    from napari import Viewer

    from ....explore.clusters.stability import StabilityReport

_CURVES = {
    "ari_resamples": "other objects",
    "ari_seeds": "other starts",
    "silhouette": "silhouette",
}


class StabilityPlot(CurvePlot):
    """Agreement of clusterings with each other over the number of clusters; 1 is the same every time."""

    def __init__(self, parent: QWidget | None = None, napari_viewer: Viewer | None = None) -> None:
        super().__init__(parent, napari_viewer)
        self._empty_text = "agreement for each number of clusters appears here"
        self.set_labels("number of clusters", "agreement (1: the same every time)")
        self.setToolTip(
            "<p><b>other objects</b>: how alike clusterings are when some of the objects are left out. "
            "<b>other starts</b>: how alike they are when only chance differs. <b>silhouette</b>: how far "
            "clusters lie apart.</p>"
        )

    def show_report(self, report: StabilityReport | None) -> None:
        """Show what was found for each number of clusters; None shows nothing."""
        curves = {}
        if report is not None:
            table = report.table[report.table["n_clusters"] > 1].sort_values("n_clusters", kind="stable")
            for column, name in _CURVES.items():
                if column in table and table[column].notna().any():
                    curves[name] = (table["n_clusters"].tolist(), table[column].tolist())
        self.set_curves(curves)
        self.setVisible(bool(curves))
