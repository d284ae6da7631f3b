"""What was found, as layers: films of the motifs, a map of all of them, occurrences, cells, and what is left.

On one time slider with the video, a film of frames 0 to F would claim that its motif is played when the
video begins. So a film stands where the motif really is: at its strongest occurrence, or at the one that the
user went to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..layers import LayerSnapshot, find_layer, unwrapped
from ..placement import shifted
from ..results import add_result, label_colormap, remove_results
from ..turns import Turns
from .found import Found, part_of
from .lazy import reconstruction, residual
from .pictures import blended, cells_by_motif, in_order, occurrence_points, rgb, strongest
from .words import motif_name, p_in_words

if TYPE_CHECKING:
    from napari.layers import Layer

_PREFIX = "motifs/"
_NEAR = 3  # frames between a click and the occurrence that was meant
_RING = 0.1  # of the frame's shorter side
_BRIGHT = 0.8  # of a film's peak: what is brighter is shown in the full colour
_DARKER = 1.4


class MotifLayers:
    """The result layers of this widget: one set, of the result that was shown last.

    Parameters
    ----------
    napari_viewer
        Where to show them.
    """

    def __init__(self, napari_viewer: Any) -> None:
        self._viewer = unwrapped(napari_viewer)
        self._layers: dict[str, Layer] = {}
        self._found: Found | None = None
        self._source: LayerSnapshot | None = None
        self._recipe: Mapping[str, Any] = {}
        self._ticked: set[int] = set()
        self._view = "map"
        self._in_order = False
        self._turns = Turns("Show the motifs")

    @property
    def pending(self) -> bool:
        """Whether layers are still to be added."""
        return self._turns.pending

    def finish(self) -> None:
        """Add the layers that are still to be added, now."""
        self._turns.finish()

    @property
    def view(self) -> str:
        """What is looked at, "map" or "video"."""
        return self._view

    def film(self, motif: int) -> Layer | None:
        """The film of a motif, as long as it is in the viewer."""
        return self._get(f"motif-{motif}")

    def show(self, found: Found, source: LayerSnapshot, recipe: Mapping[str, Any]) -> None:
        """Show a result in place of the one before."""
        self.clear()
        self._found, self._source, self._recipe = found, source, recipe
        self._ticked = {int(m) for m in np.flatnonzero(found.worth_showing)}
        if self._get_source() is None:
            return
        self._view = "map" if self._ticked else "video"
        # Each goes right above the video, below those that were added before it.
        if len(found):
            self._later("occurrences", self._occurrences)
        for motif in range(len(found)):
            self._later(f"motif-{motif}", partial(self._film, motif=motif))
            self._turns.add(partial(self._place, motif, strongest(found, motif)))
        if len(found):
            self._later("map", self._map)
        self._later("mean", self._mean)
        self._turns.add(self._show_view)

    def clear(self) -> None:
        """Remove all layers of the result that is shown."""
        if self._source is not None:
            remove_results(self._viewer, self._source.layer_id, lambda key: key.startswith(_PREFIX))
        self.forget()

    def forget(self) -> None:
        """Let go of everything; the layers stay with the viewer."""
        self._turns.clear()
        self._layers.clear()
        self._found = self._source = None
        self._recipe, self._ticked = {}, set()

    def close_down(self) -> None:
        """Let go of the viewer, too."""
        self.forget()
        self._viewer = None

    # ---- what is seen

    def set_view(self, view: str) -> None:
        """Look at the map (all motifs over the mean image), or at the video."""
        self.finish()
        self._view = view
        self._show_view()

    def _show_view(self) -> None:
        on_map = self._view == "map"
        # Cells in the colours of their motifs over the same colours would be mud.
        as_cells = self.has("cells") and not self._in_order
        self._set_visible("cells", on_map and as_cells)
        self._set_visible("map", on_map and not as_cells)
        self._set_visible("mean", on_map)
        self._set_visible("occurrences", not on_map)
        source = self._get_source()
        if source is not None:
            source.visible = True
        for motif in range(len(self._found or ())):
            self._set_visible(f"motif-{motif}", not on_map and motif in self._ticked)

    def set_ticked(self, motif: int, ticked: bool) -> None:
        """Show or hide one motif, in the map, as a film and among the occurrences."""
        self.finish()
        (self._ticked.add if ticked else self._ticked.discard)(motif)
        self._set_visible(f"motif-{motif}", ticked and self._view == "video")
        if self._found is None:
            return
        layer, points = self._get("map"), self._get("occurrences")
        if layer is not None:
            layer.data = self._blended(self._found)
        if points is not None:
            points.shown = np.isin(points.features["motif"].to_numpy() - 1, list(self._ticked))

    def set_in_order(self, in_order: bool) -> None:
        """Colour the map by the order of firing instead of by motif."""
        self.finish()
        self._in_order = in_order
        layer = self._get("map")
        if layer is not None and self._found is not None:
            layer.data = self._blended(self._found)
            self.set_view("map")

    def go_to(self, frame: int) -> None:
        """Put the films of motifs that are played at this frame there, and look at the video."""
        self.finish()
        if self._found is None:
            return
        near = [one for one in self._found.model.occurrences_ if abs(one.frame - frame) <= _NEAR]
        for one in sorted(near, key=lambda one: -abs(one.frame - frame)):  # the nearest has the last word
            self._place(one.motif, one.frame)
        self.set_view("video")

    # ---- more layers

    def show_explained(self, kind: str, shown: bool) -> None:
        """Add or remove what the motifs explain ("reconstruction") or do not ("residual")."""
        self.finish()
        source = self._source
        if source is None or self._found is None or self._get_source() is None:
            return
        if not shown:
            self._remove(kind)
            return
        self._add(kind, self._explained(kind, self._found, source))
        other = "residual" if kind == "reconstruction" else "reconstruction"
        self._move_above(kind, other)  # what was asked for last is what is seen
        self.set_view("video")

    def has(self, name: str) -> bool:
        """Whether a layer is in the viewer."""
        return self._get(name) is not None

    def remove_cells(self) -> None:
        """Remove the layer of `show_cells`."""
        if self.has("cells"):
            self.finish()
            self._remove("cells")
            self._show_view()

    def show_cells(self, found: Found, cells: NDArray[Any]) -> None:
        """Show in which motif each cell (Y, X, labels) fires; `found` is the result, with its orders."""
        if self._found is None or self._get_source() is None:
            return
        self._found = found
        self._later("cells", partial(self._cells, cells=cells))
        self._turns.add(self._place_cells)

    def _place_cells(self) -> None:
        self._move_above("cells", "map")
        self._show_view()

    def _cells(self, found: Found, cells: NDArray[Any]) -> Layer:
        from napari.layers import Labels

        part = part_of(cells, found.crop)
        layer = Labels(
            cells_by_motif(part, found), name=self._named("Cells by motif"), opacity=0.8, **self._plane(found)
        )
        layer.colormap = label_colormap({m + 1: color for m, color in enumerate(found.colors)})
        numbers = [order.motif + 1 for order in found.orders]
        layer.features = {
            "index": [0, *numbers],
            "label": [0, *numbers],
            "motif": ["no motif", *(motif_name(number - 1) for number in numbers)],
        }
        return layer

    # ---- making layers

    def _film(self, found: Found, *, motif: int) -> Layer:
        from napari.layers import Image
        from napari.utils.colormaps import Colormap

        film = found.model.motifs_[motif]
        p = p_in_words(float(found.model.p_values_[motif]))
        peak, color = float(film.max()) or 1.0, rgb(found.colors[motif])
        return Image(
            film,
            name=self._named(f"{motif_name(motif)} ({p})"),
            colormap=Colormap([(*color, 0.0), (*color, 1.0)], name=f"clear to {found.colors[motif]}"),
            contrast_limits=(0.0, _BRIGHT * peak),
            blending="translucent_no_depth",
            opacity=0.85,
            visible=False,
            **self._place_in_video(found),
        )

    def _map(self, found: Found) -> Layer:
        from napari.layers import Image

        return Image(
            self._blended(found),
            rgb=True,
            name=self._named("All motifs"),
            blending="translucent_no_depth",
            **self._plane(found),
        )

    def _blended(self, found: Found) -> NDArray[np.float32]:
        return in_order(found, self._ticked) if self._in_order else blended(found, self._ticked)

    def _mean(self, found: Found) -> Layer:
        from napari.layers import Image

        mean = np.asarray(found.model.baseline_)
        low, high = (float(value) for value in np.percentile(mean, (0.5, 99.8)))
        return Image(
            mean,
            name=self._named("Mean image"),
            # Darker than it could be: the motifs lie over it in colour.
            contrast_limits=(low, max(low + _DARKER * (high - low), low + 1e-6 * max(1.0, abs(low)))),
            **self._plane(found),
        )

    def _occurrences(self, found: Found) -> Layer:
        from napari.layers import Points

        table = occurrence_points(found)
        colors = [found.colors[motif - 1] for motif in table["motif"]]
        place = self._place_in_video(found)
        layer = Points(
            np.column_stack([table.pop("t"), table.pop("y"), table.pop("x")]),
            features=table,
            ndim=3,
            name=self._named("Occurrences"),
            symbol="disc",
            size=max(4.0, _RING * min(found.model.frame_shape_)),
            face_color="transparent",
            border_color=colors or "white",
            border_width=0.12,
            opacity=0.9,
            visible=False,
            **place,
        )
        layer.shown = np.isin(layer.features["motif"].to_numpy() - 1, list(self._ticked))
        return layer

    def _explained(self, kind: str, found: Found, source: LayerSnapshot) -> Layer:
        from napari.layers import Image
        from napari.utils.colormaps import Colormap

        low, high = (float(value) for value in np.percentile(found.model.baseline_, (0.5, 99.8)))
        peak = found.peak or 1.0
        place = self._place_in_video(found)
        if kind == "reconstruction":
            return Image(
                reconstruction(found.model), name=self._named("Reconstruction"),
                contrast_limits=(low, high + peak), **place,
            )  # fmt: skip
        array = source.array if found.crop is None else source.array[found.crop.region]
        return Image(
            residual(found.model, array), name=self._named("Residual"),
            contrast_limits=(-1.5 * peak, 1.5 * peak),
            colormap=Colormap(["#4da3ff", "black", "#ff9f43"], name="below and above"), **place,
        )  # fmt: skip

    # ---- places

    def _place_in_video(self, found: Found) -> dict[str, Any]:
        """Transform of what has time, rows and columns."""
        assert self._source is not None
        transform = dict(self._source.transform)
        if found.crop is not None:
            corner = [float(part.start) for part in found.crop.region]
            transform["translate"] = shifted(transform, corner)
        return transform

    def _plane(self, found: Found) -> dict[str, Any]:
        """Transform of what has rows and columns only: it is seen at all times."""
        whole = self._place_in_video(found)
        return {
            **{key: whole[key][1:] for key in ("scale", "translate", "units", "axis_labels")},
            **{key: np.asarray(whole[key])[1:, 1:] for key in ("rotate", "shear", "affine")},
        }

    def _place(self, motif: int, frame: int) -> None:
        """Put a film where it begins at this frame of the video."""
        layer, found = self.film(motif), self._found
        if layer is None or found is None or self._source is None:
            return
        film = found.model.motifs_[motif]
        fitting = film[: max(1, min(len(film), found.model.n_frames_ - frame))]
        if len(layer.data) != len(fitting):
            layer.data = fitting
        corner = [float(frame), 0.0, 0.0]
        layer.translate = shifted(self._place_in_video(found), corner)

    # ---- helpers

    def _named(self, name: str) -> str:
        return name if self._found is None or self._found.crop is None else f"preview · {name}"

    def _later(self, name: str, make: Callable[[Found], Layer]) -> None:
        """Make and add a layer in a turn of its own, if its video is still there then."""

        def add() -> None:
            if self._found is not None and self._get_source() is not None:
                self._add(name, make(self._found))

        self._turns.add(add)

    def _add(self, name: str, layer: Layer) -> None:
        assert self._source is not None
        recipe = {**self._recipe, "details": {**self._recipe.get("details", {}), "shows": name}}
        self._layers[name] = add_result(self._viewer, layer, self._source, key=_PREFIX + name, recipe=recipe)

    def _remove(self, name: str) -> None:
        if self._source is not None:
            remove_results(self._viewer, self._source.layer_id, lambda key: key == _PREFIX + name)
        self._layers.pop(name, None)

    def _move_above(self, name: str, other: str) -> None:
        layer, below, layers = self._get(name), self._get(other), self._viewer.layers
        if layer is not None and below is not None:
            layers.move(layers.index(layer), layers.index(below) + 1)

    def _get(self, name: str) -> Layer | None:
        layer = self._layers.get(name)
        return layer if layer is not None and layer in self._viewer.layers else None

    def _get_source(self) -> Layer | None:
        return None if self._source is None else find_layer(self._viewer, self._source)

    def _set_visible(self, name: str, visible: bool) -> None:
        layer = self._get(name)
        if layer is not None:
            layer.visible = visible
