"""The second step: a map on which objects that are alike lie together, and whether to believe it."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QPushButton, QSpinBox, QWidget

from ...section import enable, row
from ..words import EMBEDDINGS
from .panel import Choice, Panel, Sentence


class EmbeddingPanel(Panel):
    """Choose a map and its settings.

    Signals
    -------
    map_clicked, trust_clicked
        The user wants a map; wants to know how much of it chance decides.
    method_changed
        Another kind of map is chosen.
    """

    map_clicked = Signal()
    trust_clicked = Signal()
    method_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.method = Choice(EMBEDDINGS, "How objects with many features are laid out on a plane.")
        self.neighbors = _whole(2, 200, 15)
        self.neighbors.setToolTip(
            "<p>How many neighbours each object keeps: few show detail, many the whole.</p>"
        )
        self.distance = QDoubleSpinBox()
        self.distance.setRange(0.0, 0.99)
        self.distance.setSingleStep(0.05)
        self.distance.setValue(0.1)
        self.distance.setToolTip("<p>How close points may lie: small packs clouds tightly.</p>")
        self.perplexity = _whole(2, 200, 30)
        self.perplexity.setToolTip("<p>How many neighbours each object keeps, about.</p>")
        self.seed = _whole(0, 9999, 0)
        self.seed.setToolTip("<p>Another seed gives another map: what is in both is more than chance.</p>")
        self.make, self.trust = QPushButton("Make map"), QPushButton("Is it trustworthy?")
        self._said = Sentence()
        self._trust_said = Sentence()
        self._form = self.add_fields(
            ("Map", self.method),
            ("Neighbours", self.neighbors),
            ("Distance", self.distance),
            ("Perplexity", self.perplexity),
            ("Seed", self.seed),
        )
        self.add(row(self.make, self.trust), self._said, self._trust_said)
        self.method.currentIndexChanged.connect(self._on_method)
        self.make.clicked.connect(lambda _checked=False: self.map_clicked.emit())
        self.trust.clicked.connect(lambda _checked=False: self.trust_clicked.emit())
        self._on_method()

    @property
    def settings(self) -> dict[str, Any]:
        """What the chosen map is made with."""
        chosen: dict[str, Any] = {"random_state": self.seed.value()}
        if self.method.key == "umap":
            chosen |= {"n_neighbors": self.neighbors.value(), "min_dist": round(self.distance.value(), 3)}
        elif self.method.key == "tsne":
            chosen |= {"perplexity": self.perplexity.value()}
        return chosen if self.method.key != "pca" else {}

    def set_available(self, no_map: str, no_trust: str) -> None:
        """Enable the buttons, or disable them and say why."""
        enable(self.make, no_map, "Lay the objects out; the plot at the bottom shows them.")
        enable(
            self.trust,
            no_trust,
            "Make the map again with other seeds, and count how many of an object's neighbours stay.",
        )

    def say(self, text: str, trust: str = "") -> None:
        """Say what the map shows, and how much of it chance decides."""
        self._said.say(text)
        self._trust_said.say(trust)

    def _on_method(self, _index: int = 0) -> None:
        method = self.method.key
        for field, methods in (
            (self.neighbors, ("umap",)),
            (self.distance, ("umap",)),
            (self.perplexity, ("tsne",)),
            (self.seed, ("umap", "tsne")),
        ):
            self._form.setRowVisible(field, method in methods)
        self.method_changed.emit()


def _whole(low: int, high: int, value: int) -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setValue(value)
    return box
