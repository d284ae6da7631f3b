"""The feature explorer: the docked widget. It connects the form, the plot, the image and the jobs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QApplication, QSizePolicy, QVBoxLayout, QWidget

from ..runner import JobRunner
from ..teardown import teardown_on_close
from .bench import Bench
from .findings import Findings, channels_of
from .form import ExplorerForm
from .panels.heat_map import HeatMap
from .panels.shap_plot import ShapPlot
from .panels.stability_plot import StabilityPlot
from .session import ObjectSession
from .views import Views
from .work.applying import Applying
from .work.classifying import Classifying
from .work.explaining import Explaining
from .work.featuring import Featuring
from .work.grouping import Grouping
from .work.keeping import Keeping
from .work.mapping import Mapping
from .work.measuring import Measuring

if TYPE_CHECKING:
    from ...explore.correlation import Pruning
    from ...explore.explaining.explanation import Explanation
    from ...explore.mapping.embedding import Embedding


class FeatureExplorerWidget(QWidget):
    """Measure objects, see them as points, group, explain and classify them, linked with the image.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = napari_viewer
        # Not children of this widget: they are needed to let go of the viewer when Qt has deleted it.
        self.session = ObjectSession()
        self.runner = JobRunner(self, napari_viewer)
        self.form = ExplorerForm(napari_viewer, self.runner)
        self.views = Views(napari_viewer, self.session)
        self.bench = Bench(napari_viewer, self.runner, self.form, self.session, Findings(), self.views)
        self.measuring = Measuring(self.bench, self._on_table)
        self.mapping = Mapping(self.bench)
        stability = StabilityPlot(None, napari_viewer)
        self._heat_map, self._shap = HeatMap(None, napari_viewer), ShapPlot(None, napari_viewer)
        self.form.clusters.add_plot(stability)
        self.form.features.add_plot(self._heat_map)
        self.form.explain.add_plot(self._shap)
        self.grouping = Grouping(self.bench, stability.show_report)
        self.featuring = Featuring(self.bench, self._show_pruning, self._on_features)
        self.explaining = Explaining(self.bench, self._show_explanation)
        self.classifying = Classifying(self.bench, self._on_classes)
        self.applying = Applying(self.bench, self.classifying)
        self.keeping = Keeping(self.bench, self.measuring, self.classifying)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.form)
        # Else napari puts a stretch below the form, which would take half of the dock.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.views.said.connect(self.form.say)
        self.views.link.detached.connect(self._update)
        self.runner.busy_changed.connect(self._update)
        self.session.selection_changed.connect(self._on_selection)
        self.session.column_changed.connect(self._on_column)
        # The runner has it deleted, which may happen while closing the plot lets napari process events.
        teardown_on_close(self, napari_viewer, self._close_down, delete=False)
        self._forget()
        self.form.say(self.form.objects.problem() or "Press Measure.")

    # ---- what scripts call

    @property
    def found(self) -> Findings:
        """What was found out about the table."""
        return self.bench.found

    def measure(self) -> None:
        """Measure what is chosen."""
        self.measuring.measure()

    def wait(self, timeout_s: float = 60.0) -> bool:
        """Process events until nothing runs and all is shown; False if the time ran out first."""
        deadline = time.monotonic() + timeout_s
        QApplication.processEvents()
        while self.runner.busy:
            if time.monotonic() > deadline:
                return False
            QApplication.processEvents()
            time.sleep(0.002)
        self.views.link.flush()
        return True

    # ---- wiring

    def _on_table(self, pca: Embedding | None) -> None:
        """There is another table: everything is of it now."""
        self._forget()
        self.mapping.take(pca)
        self.views.open()
        self._update()

    def _forget(self) -> None:
        self.grouping.forget()
        self.featuring.forget()
        self.explaining.forget()
        self.classifying.forget()
        self._update()

    def _on_features(self) -> None:
        """Other features are worked with: what was found with the others stays, and is said to be so."""
        self._update()
        self.explaining.say_verdict()

    def _on_classes(self) -> None:
        self.explaining.offer()
        self.applying.show_model()
        self.classifying.update()
        self.keeping.update()

    def _on_selection(self, _origin: str) -> None:
        self.explaining.update()
        self.classifying.update()

    def _on_column(self, name: str) -> None:
        if name == "cluster":
            self.explaining.offer()
            self.classifying.update()
        self.keeping.update()

    def _update(self, *_: object) -> None:
        """Enable what can be done now, say why of the rest, and write the summaries."""
        for part in (
            self.measuring, self.mapping, self.grouping, self.featuring, self.explaining, self.classifying,
            self.applying, self.keeping,
        ):  # fmt: skip
            part.update()

    def _close_down(self) -> None:
        self.runner.close()
        self.measuring.close_down()
        self.views.close_down()
        self.form.close_down()

    def _show_pruning(self, pruning: Pruning | None) -> None:
        channels = channels_of(self.session.table)
        correlation = None if pruning is None else pruning.correlation
        groups = () if pruning is None else pruning.groups
        self._heat_map.set_correlation(correlation, groups, channels)
        self._heat_map.setVisible(pruning is not None)

    def _show_explanation(self, explanation: Explanation | None) -> None:
        self._shap.show_explanation(explanation, channels_of(self.session.table))
