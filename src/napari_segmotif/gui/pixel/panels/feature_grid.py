"""The choice of features: a grid of families and sigmas, presets, 2D or 3D, pixels or physical units."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ....pixel.filtering.features import FAMILIES, PixelFeatures
from ...section import row, words
from .feature_text import PLAIN_NAMES, PRESETS, Pairs, is_possible, sigma_text

_LARGEST_SIGMA = 50.0


class FeatureGrid(QWidget):
    """Which filters, at which scales, the classifier looks through.

    Signals
    -------
    changed
        Something was chosen differently; `features` has it.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sigmas: list[float] = []
        self._boxes: dict[tuple[str, float], QCheckBox] = {}
        self._selected: tuple[str, ...] | None = None
        self._selected_for: PixelFeatures | None = None
        self._n_channels = 1

        self._presets: dict[str, QPushButton] = {}
        presets = QHBoxLayout()
        presets.setSpacing(4)
        for preset in PRESETS:
            button = self._button(preset.name, preset.tooltip, partial(self.set_pairs, preset.pairs()))
            self._presets[preset.name] = button
            presets.addWidget(button)
        presets.addWidget(
            self._button("None", "Untick everything in the grid.", lambda: self.set_pairs(frozenset()))
        )

        self._holder = QWidget(self)
        self._grid = QGridLayout(self._holder)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(2)
        self._grid.setVerticalSpacing(2)

        self._dimensions = QComboBox()
        self._dimensions.addItem("plane by plane (2D)", 2)
        self._dimensions.addItem("in the volume (3D)", 3)
        self._dimensions.setToolTip(
            "Whether the filters see single planes, or the stack as a volume. Time is never filtered."
        )
        self._unit = QComboBox()
        self._unit.addItem("σ in pixels", "pixel")
        self._unit.addItem("σ in physical units", "physical")
        self._unit.setToolTip(
            "Physical units follow the spacing of the image along each axis, so that thick slices are "
            "filtered less."
        )
        self._dimensions.currentIndexChanged.connect(self._on_changed)
        self._unit.currentIndexChanged.connect(self._on_changed)
        self._note = words(dim=True)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(presets)
        layout.addWidget(self._holder)
        layout.addLayout(row(self._dimensions, self._unit))
        layout.addWidget(self._note)
        self.set_features(PixelFeatures())

    # ---- what is chosen

    @property
    def pairs(self) -> tuple[tuple[str, float], ...]:
        """The ticked (family, sigma) pairs, sigma by sigma."""
        return tuple((f, s) for s in self._sigmas for f in FAMILIES if self._is_ticked(f, s))

    @property
    def features(self) -> PixelFeatures | None:
        """What is chosen, or None where nothing is ticked."""
        chosen = self._unselected()
        if chosen is not None and chosen == self._selected_for:
            return chosen.model_copy(update={"selected": self._selected})
        return chosen

    def set_features(self, features: PixelFeatures) -> None:
        """Show this choice. Emits `changed` once where it differs from what was shown."""
        before = self.features
        pairs = frozenset((f, float(s)) for f, s in features.enabled_pairs())
        with QSignalBlocker(self):
            self._rebuild(sorted({s for _, s in pairs}), pairs)
            self._dimensions.setCurrentIndex(self._dimensions.findData(features.dimensions))
            self._unit.setCurrentIndex(self._unit.findData(features.sigma_unit))
        self._selected = features.selected
        self._selected_for = self._unselected() if features.selected is not None else None
        self._describe()
        if before != self.features:
            self.changed.emit()

    def set_pairs(self, pairs: Pairs) -> None:
        """Tick exactly these pairs; columns that they need are added."""
        sigmas = sorted({*(s for _, s in pairs)} or set(self._sigmas))
        self._rebuild(sigmas, pairs)
        self._on_changed()

    def set_image(self, *, n_channels: int, has_z: bool, unit: str | None) -> None:
        """Fit the choices to the image: channels multiply features, 3D needs Z, units need a spacing."""
        self._n_channels = n_channels
        with QSignalBlocker(self):
            if not has_z:
                self._dimensions.setCurrentIndex(0)
            if unit is None:
                self._unit.setCurrentIndex(0)
            self._dimensions.setEnabled(has_z)
            self._unit.setEnabled(unit is not None)
            self._unit.setItemText(1, f"σ in {unit}" if unit else "σ in physical units")
        self._describe()

    @property
    def n_features(self) -> int:
        """How many numbers describe a pixel."""
        features = self.features
        return 0 if features is None else len(features.names(self._n_channels))

    @property
    def summary(self) -> str:
        """The choice in one line."""
        if not self.pairs:
            return "nothing ticked"
        sigmas = sorted({s for _, s in self.pairs})
        scale = (
            f"σ {sigma_text(sigmas[0])}–{sigma_text(sigmas[-1])}"
            if len(sigmas) > 1
            else f"σ {sigma_text(sigmas[0])}"
        )
        picked = "best " if self._is_selection() else ""
        return f"{picked}{self.n_features} features · {scale} · {self._dimensions.currentData()}D"

    # ---- the grid

    def add_sigma(self, sigma: float) -> None:
        """Add a column, ticked for the families that are ticked anywhere."""
        if sigma in self._sigmas:
            return
        families = {f for f, _ in self.pairs} or set(FAMILIES)
        added = {(f, sigma) for f in families if is_possible(f, sigma)}
        self._rebuild(sorted([*self._sigmas, sigma]), frozenset(self.pairs) | added)
        self._on_changed()

    def remove_sigma(self, sigma: float) -> None:
        """Remove a column; the last one stays."""
        left = [s for s in self._sigmas if s != sigma]
        if left:
            self._rebuild(left, frozenset(p for p in self.pairs if p[1] != sigma))
            self._on_changed()

    def set_ticked(self, family: str, sigma: float, ticked: bool) -> None:
        """Tick or untick one cell."""
        self._boxes[family, sigma].setChecked(ticked)

    def _rebuild(self, sigmas: list[float], ticked: Pairs) -> None:
        if sigmas != self._sigmas:
            self._sigmas = list(sigmas)
            self._make_cells()
        for pair, box in self._boxes.items():
            with QSignalBlocker(box):
                box.setChecked(pair in ticked and box.isEnabled())

    def _make_cells(self) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self._boxes = {}
        for column, sigma in enumerate(self._sigmas, start=1):
            self._grid.addWidget(self._sigma_button(sigma), 0, column, Qt.AlignmentFlag.AlignHCenter)
        add = QToolButton()
        add.setText("+")
        add.setToolTip("Add a sigma")
        add.clicked.connect(self._ask_new_sigma)
        self._grid.addWidget(add, 0, len(self._sigmas) + 1)
        corner = QLabel("σ")
        corner.setToolTip(
            "The scale, as the standard deviation of the Gaussian that each filter begins with."
        )
        self._grid.addWidget(corner, 0, 0, Qt.AlignmentFlag.AlignRight)
        for line, family in enumerate(FAMILIES, start=1):
            self._grid.addWidget(self._family_button(family), line, 0)
            for column, sigma in enumerate(self._sigmas, start=1):
                self._grid.addWidget(self._cell(family, sigma), line, column, Qt.AlignmentFlag.AlignHCenter)
        self._grid.setColumnStretch(len(self._sigmas) + 2, 1)

    def _cell(self, family: str, sigma: float) -> QCheckBox:
        box = QCheckBox()
        name, sees = PLAIN_NAMES[family]
        box.setToolTip(f"{name} at σ = {sigma_text(sigma)}\n{sees}")
        if not is_possible(family, sigma):
            box.setEnabled(False)
            box.setToolTip(f"{name} needs σ ≥ 0.5: a smaller filter does not fit between pixels.")
        box.toggled.connect(self._on_changed)
        self._boxes[family, sigma] = box
        return box

    def _family_button(self, family: str) -> QPushButton:
        name, sees = PLAIN_NAMES[family]
        button = QPushButton(name)
        button.setToolTip(f"{sees}\n\nClick to tick or untick the whole row.")
        button.setStyleSheet("QPushButton { background: transparent; text-align: left; padding: 2px; }")
        button.clicked.connect(
            lambda _checked=False: self._toggle([p for p in self._boxes if p[0] == family])
        )
        return button

    def _sigma_button(self, sigma: float) -> QToolButton:
        button = QToolButton()
        button.setText(sigma_text(sigma))
        button.setToolTip(f"σ = {sigma_text(sigma)}: click to tick, change or remove this column.")
        button.setStyleSheet("QToolButton { padding: 2px 3px; } QToolButton::menu-indicator { image: none; }")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        menu.addAction(
            "Tick or untick column", lambda: self._toggle([p for p in self._boxes if p[1] == sigma])
        )
        menu.addAction("Change…", lambda: self._ask_change(sigma))
        menu.addAction("Remove", lambda: self.remove_sigma(sigma))
        button.setMenu(menu)
        return button

    @staticmethod
    def _button(text: str, tooltip: str, clicked: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tooltip)
        button.clicked.connect(lambda _checked=False: clicked())
        return button

    # ---- small helpers

    def _unselected(self) -> PixelFeatures | None:
        pairs = self.pairs
        if not pairs:
            return None
        common: dict[str, Any] = {
            "dimensions": self._dimensions.currentData(),
            "sigma_unit": self._unit.currentData(),
        }
        default = PixelFeatures(**common)
        if set(default.enabled_pairs()) == set(pairs):
            return default
        families = tuple(f for f in FAMILIES if any(f == family for family, _ in pairs))
        sigmas = tuple(s for s in self._sigmas if any(s == sigma for _, sigma in pairs))
        full = PixelFeatures(families=families, sigmas=sigmas, **common)
        # A plain grid reads better in a script than a list of its cells.
        return full if set(full.enabled_pairs()) == set(pairs) else PixelFeatures(pairs=pairs, **common)

    def _is_selection(self) -> bool:
        return self._selected is not None and self._unselected() == self._selected_for

    def _is_ticked(self, family: str, sigma: float) -> bool:
        box = self._boxes.get((family, sigma))
        return box is not None and box.isChecked()

    def _toggle(self, cells: list[tuple[str, float]]) -> None:
        boxes = [self._boxes[c] for c in cells if self._boxes[c].isEnabled()]
        target = not all(box.isChecked() for box in boxes)
        for box in boxes:
            with QSignalBlocker(box):
                box.setChecked(target)
        self._on_changed()

    def _ask_new_sigma(self) -> None:
        start = min(self._sigmas[-1] * 1.5, _LARGEST_SIGMA)
        sigma, ok = QInputDialog.getDouble(self, "Add a sigma", "Sigma:", start, 0.1, _LARGEST_SIGMA, 2)
        if ok:
            self.add_sigma(round(sigma, 2))

    def _ask_change(self, sigma: float) -> None:
        new, ok = QInputDialog.getDouble(self, "Change sigma", "Sigma:", sigma, 0.1, _LARGEST_SIGMA, 2)
        if ok and round(new, 2) not in self._sigmas:
            moved = {(f, round(new, 2)) if s == sigma else (f, s) for f, s in self.pairs}
            self._rebuild(sorted(round(new, 2) if s == sigma else s for s in self._sigmas), frozenset(moved))
            self._on_changed()

    def _on_changed(self, *_: object) -> None:
        self._describe()
        self.changed.emit()

    def _describe(self) -> None:
        if self._is_selection():
            text = (
                f"The best {self.n_features} features, picked after training. Tick to choose by hand again."
            )
        elif self.pairs:
            channels = f" over {self._n_channels} channels" if self._n_channels > 1 else ""
            text = f"{self.n_features} features a pixel{channels}."
        else:
            text = "Tick at least one feature."
        self._note.setText(text)
