"""The third step: groups of objects, how many there are, and whether they are real."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QPushButton, QSpinBox, QVBoxLayout, QWidget

from ...score_table import ScoreTable
from ...section import enable, row
from ...swatch import swatch_icon
from ..point_colors import class_code
from ..words import CLUSTERINGS, SPACES
from .panel import Choice, Panel, Sentence

_COLUMNS = (
    ("Cluster", "Its colour in the plot and in the image. Click to select its objects."),
    ("Objects", "How many objects are in it."),
    ("Stays", "How much of it is found again in random parts of the objects (Jaccard): from 75 % on it "
              "is stable, below 60 % it is not."),
)  # fmt: skip


class ClusterPanel(Panel):
    """Choose how objects are grouped.

    Signals
    -------
    find_clicked, stability_clicked
        The user wants groups; wants to know how many there are, and whether they are real.
    grey_toggled
        Whether objects that change their group from run to run are to be grey.
    use_clicked
        The user wants the groups that the check recommends.
    cluster_clicked
        The user clicked on a cluster (its number) in the list.
    """

    find_clicked = Signal()
    stability_clicked = Signal()
    grey_toggled = Signal(bool)
    use_clicked = Signal()
    cluster_clicked = Signal(int)

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self._numbers: list[int] = []
        self.method = Choice(CLUSTERINGS, "How objects are grouped.")
        self.number = QSpinBox()
        self.number.setRange(2, 50)
        self.number.setValue(4)
        self.number.setToolTip("<p>How many groups are made, whether there are as many or not.</p>")
        self.smallest = QSpinBox()
        self.smallest.setRange(2, 10_000)
        self.smallest.setValue(15)
        self.smallest.setToolTip("<p>Smaller groups count as objects in between.</p>")
        self.space = Choice(SPACES, "What objects are grouped by.")
        self.find = QPushButton("Find clusters")
        self.check = QPushButton("How many, and are they real?")
        self.use = QPushButton("Use these")
        self.grey = QCheckBox("Grey out uncertain objects")
        self.warning = Sentence(warning=True)
        self.table = ScoreTable(_COLUMNS, named=True)
        self.table.hide()
        self.table.cellClicked.connect(self._on_cell)
        self.verdict = Sentence(dim=False)
        self._form = self.add_fields(
            ("Method", self.method),
            ("How many", self.number),
            ("At least", self.smallest),
            ("Group by", self.space),
        )
        self.add(row(self.find, self.check), self.warning, self.verdict)
        self._plot_place = QVBoxLayout()
        self.add(self._plot_place, row(self.use, self.grey), self.table)
        self.method.currentIndexChanged.connect(self._on_method)
        self.find.clicked.connect(lambda _checked=False: self.find_clicked.emit())
        self.check.clicked.connect(lambda _checked=False: self.stability_clicked.emit())
        self.use.clicked.connect(lambda _checked=False: self.use_clicked.emit())
        self.grey.toggled.connect(self.grey_toggled)
        self._on_method()

    @property
    def settings(self) -> dict[str, Any]:
        """What groups are made with."""
        chosen: dict[str, Any] = {"method": self.method.key, "space": self.space.key, "n_clusters": None}
        if self.method.key == "hdbscan":
            chosen["min_cluster_size"] = self.smallest.value()
        else:
            chosen["n_clusters"] = self.number.value()
        return chosen

    def add_plot(self, plot: QWidget) -> None:
        """Put a plot of the check below its verdict."""
        self._plot_place.addWidget(plot)

    def set_available(self, no_finding: str, no_check: str, no_use: str, no_grey: str) -> None:
        """Enable the buttons, or disable them and say why."""
        enable(self.find, no_finding, "Group the objects; plot and image show the groups in colours.")
        enable(
            self.check,
            no_check,
            "Group random parts of the objects again and again, and structureless objects beside them: are "
            "there groups at all, how many, and do they stay? All features in use are judged, whatever is "
            "chosen in “Group by”. This takes a while.",
        )
        enable(self.use, no_use, "Take over as many groups as the check recommends.")
        enable(self.grey, no_grey, "Show objects in grey that change their group from run to run.")

    def show_clusters(self, counts: Mapping[int, int], jaccard: Mapping[int, float]) -> None:
        """List the clusters: how many objects each has, and how much of each stays."""
        self._numbers = list(counts)
        texts = [
            [
                f"{number}" if number else "none",
                f"{n:,}",
                f"{100 * jaccard[number]:.0f} %" if number in jaccard else "",
            ]
            for number, n in counts.items()
        ]
        self.table.set_rows(texts, [swatch_icon(class_code(number)) for number in counts])
        for i in range(self.table.rowCount()):
            self.table.item(i, 0).setToolTip("Click to select its objects.")
        self.table.setColumnHidden(2, not jaccard)
        self.table.setVisible(bool(counts))
        self.table.setCursor(Qt.CursorShape.PointingHandCursor)

    def _on_cell(self, line: int, _column: int) -> None:
        if line < len(self._numbers):
            self.cluster_clicked.emit(self._numbers[line])

    def _on_method(self, _index: int = 0) -> None:
        dense = self.method.key == "hdbscan"
        self._form.setRowVisible(self.number, not dense)
        self._form.setRowVisible(self.smallest, dense)
