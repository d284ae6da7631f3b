"""The form: the panels in the order of the work, in sections, over a footer that says what is going on."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels, Layer
from qtpy.QtWidgets import QWidget

from ...explore.tables import CLASS, CLUSTER
from ..plots import BarPlot
from ..results import is_result
from ..runner import JobRunner
from ..section import Section
from ..sectioned_form import SectionedForm
from .findings import PREDICTED
from .image.attachment import is_lookup_layer
from .panels.apply_panel import ApplyPanel
from .panels.classify_panel import ClassifyPanel
from .panels.cluster_panel import ClusterPanel
from .panels.embedding_panel import EmbeddingPanel
from .panels.explain_panel import ExplainPanel
from .panels.feature_panel import FeaturePanel
from .panels.keep_panel import KeepPanel
from .panels.objects_panel import ObjectsPanel

_OURS = tuple(f": {column}" for column in (CLUSTER, CLASS, PREDICTED))


class ExplorerForm(SectionedForm):
    """The panels of the feature explorer. It does nothing by itself."""

    def __init__(self, napari_viewer: Any, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(runner, parent)
        self.objects = ObjectsPanel(napari_viewer, is_measurable)
        self.embedding = EmbeddingPanel()
        self.clusters = ClusterPanel(napari_viewer)
        self.features = FeaturePanel()
        self.explain = ExplainPanel(BarPlot(None, napari_viewer))
        self.classify = ClassifyPanel()
        self.apply = ApplyPanel(napari_viewer, is_measurable)
        self.keep = KeepPanel()
        panels: dict[str, tuple[str, QWidget, bool]] = {
            "objects": ("1  Objects", self.objects, True),
            "embedding": ("2  Map", self.embedding, True),
            "clusters": ("3  Clusters", self.clusters, True),
            "features": ("4  Features", self.features, False),
            "explain": ("5  Explain", self.explain, False),
            "classify": ("6  Classes", self.classify, False),
            "apply": ("7  Other images", self.apply, False),
            "keep": ("8  Keep", self.keep, False),
        }
        self.sections = {
            name: Section(title, expanded=expanded) for name, (title, _, expanded) in panels.items()
        }
        for name, (_, panel, _) in panels.items():
            self.sections[name].add(panel)
        self.lay_out(self.sections.values())

    def close_down(self) -> None:
        """Stop following the viewer."""
        self.objects.close_down()
        self.apply.close_down()


def is_measurable(layer: Layer) -> bool:
    """Every Labels layer but those that show selections, clusters and classes of this tool."""
    if not isinstance(layer, Labels) or is_lookup_layer(layer):
        return False
    # By name: the recipe comes to a result only after the layer is in the viewer.
    return not (is_result(layer) and layer.name.endswith(_OURS))
