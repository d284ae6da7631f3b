"""The panels of a network that is there, in sections: predict, keep, look at, ask."""

from __future__ import annotations

from typing import Any

from ...section import Section
from .card_panel import CardPanel
from .explain_panel import ExplainPanel
from .growth_panel import GrowthPanel
from .keep_panel import KeepPanel
from .predict_panel import PredictPanel


class UsePanels:
    """The second half of the form. It does nothing by itself.

    Attributes
    ----------
    predict, keep, card, explain, growth
        The panels.
    sections
        What to put into the form, in this order.
    """

    def __init__(self, napari_viewer: Any) -> None:
        self.predict = PredictPanel(napari_viewer)
        self.keep = KeepPanel()
        self.card = CardPanel(napari_viewer)
        self.explain = ExplainPanel()
        self.growth = GrowthPanel(napari_viewer)
        self.sections = {
            "predict": Section("3  Predict"),
            "card": Section("4  Model", expanded=False),
            "keep": Section("5  Save, load, share", expanded=False),
            "explain": Section("6  Why there?", expanded=False),
            "growth": Section("7  Would more images help?", expanded=False),
        }
        self.sections["predict"].add(self.predict)
        self.sections["card"].add(self.card)
        self.sections["keep"].add(self.keep)
        self.sections["explain"].add(self.explain)
        self.sections["growth"].add(self.growth)

    def close_down(self) -> None:
        """Stop following the viewer."""
        self.predict.close_down()
