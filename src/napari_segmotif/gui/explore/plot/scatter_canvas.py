"""The points of a scatter plot, drawn with OpenGL.

A point is a place and a colour in two buffers, drawn as a disc without an edge (a square where it is tiny),
so that software OpenGL can keep up. What is selected is drawn over the others, which fade: a selection
changes neither places nor colours but two lists of rows.

The canvas only draws: it lies under a widget that takes all mouse events, because a vispy scene renders
itself once more at every press and every turn of the wheel, to find what was hit.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QWidget
from vispy import gloo
from vispy.scene import SceneCanvas
from vispy.scene.visuals import Image, create_visual_node
from vispy.visuals import Visual
from vispy.visuals.transforms import STTransform

from .scatter_view import View

# Pixels below which a disc and a square cannot be told apart.
_SMALL = 3.5
_VERTEX = """
attribute vec2 a_position;
attribute vec4 a_color;
uniform float u_size;
uniform float u_alpha;
uniform float u_fade;
uniform vec3 u_background;
varying vec4 v_color;
void main() {
    gl_Position = $transform(vec4(a_position, 0.0, 1.0));
    gl_PointSize = u_size;
    v_color = vec4(mix(a_color.rgb, u_background, u_fade), a_color.a * u_alpha);
}
"""
_FRAGMENT = """
varying vec4 v_color;
uniform float u_size;
void main() {
    float inside = 1.0;
    if (u_size >= SMALL)
        inside = clamp((0.5 - distance(gl_PointCoord, vec2(0.5))) * u_size + 0.5, 0.0, 1.0);
    if (inside == 0.0)
        discard;
    gl_FragColor = vec4(v_color.rgb, v_color.a * inside);
}
""".replace("SMALL", str(_SMALL))


class _PointsVisual(Visual):
    """Some rows of shared buffers of places and colours."""

    def __init__(self, positions: gloo.VertexBuffer, colors: gloo.VertexBuffer) -> None:
        super().__init__(vcode=_VERTEX, fcode=_FRAGMENT)
        self.shared_program["a_position"] = positions
        self.shared_program["a_color"] = colors
        self._n_drawn = 0
        self._draw_mode = "points"
        self._index_buffer = gloo.IndexBuffer(np.zeros(1, np.uint32))
        self.set_gl_state("translucent", depth_test=False, cull_face=False)
        self.set_look(5.0, 1.0, 0.0, (0.0, 0.0, 0.0))

    def set_rows(self, rows: NDArray[np.uint32]) -> None:
        """Draw these rows, in this order."""
        self._n_drawn = len(rows)
        if self._n_drawn:  # an empty buffer cannot be drawn, and may not be asked to
            self._index_buffer.set_data(rows)

    def set_look(self, size: float, alpha: float, fade: float, background: tuple[float, ...]) -> None:
        program = self.shared_program
        program["u_size"], program["u_alpha"], program["u_fade"] = size, alpha, fade
        program["u_background"] = background

    def _prepare_transforms(self, view: Any) -> None:
        view.view_program.vert["transform"] = view.transforms.get_transform()

    def _prepare_draw(self, view: Any = None) -> bool:
        return self._n_drawn > 0


_Points = create_visual_node(_PointsVisual)


class PointCanvas:
    """A canvas with points, some of them emphasised, over an optional picture.

    Parameters
    ----------
    parent
        The widget the canvas fills; it lays `native` out.
    on_lost
        Called when everything given to this canvas is lost, and another is to be made: Qt gives a widget a
        new OpenGL context when it comes into another window, as when its dock is taken out of napari's.
    """

    def __init__(self, parent: QWidget, on_lost: Callable[[], object]) -> None:
        self._on_lost = on_lost
        self._began = self._closed = self._gone = False
        self._canvas = SceneCanvas(keys=None, parent=parent, vsync=False, show=False, bgcolor="black")
        self.native: QWidget = self._canvas.native
        self.native.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        positions = gloo.VertexBuffer(np.zeros((1, 2), np.float32))
        colors = gloo.VertexBuffer(np.zeros((1, 4), np.float32))
        self._positions, self._colors = positions, colors
        self._place = STTransform()
        self._picture_place = STTransform()
        self._picture = Image(
            np.zeros((2, 2, 4), np.uint8),
            parent=self._canvas.scene,
            method="subdivide",
            interpolation="nearest",
        )
        self._picture.transform, self._picture.visible, self._picture.order = self._picture_place, False, 0
        self._all, self._selected = (_Points(positions, colors, parent=self._canvas.scene) for _ in range(2))
        for order, points in enumerate((self._all, self._selected), start=1):
            points.transform, points.order = self._place, order
        self._origin, self._extent = np.zeros(2), np.ones(2)
        self._background: tuple[float, float, float] = (0.0, 0.0, 0.0)
        self._canvas.events.initialize.connect(self._on_initialize)

    def set_places(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """Take new points (n,), (n,), n ≥ 1; what is not finite must not be among the rows drawn.

        The graphics card counts in float32: it gets places relative to the extent of the data, so that
        points far from zero stay apart.
        """
        places = np.stack([x, y], axis=1)
        finite = places[np.isfinite(places).all(axis=1)]
        if len(finite):
            low, high = finite.min(axis=0), finite.max(axis=0)
            self._origin, self._extent = low, np.where(high > low, high - low, 1.0)
        relative = np.nan_to_num((places - self._origin) / self._extent, nan=0.0, posinf=0.0, neginf=0.0)
        self._positions.set_data(relative.astype(np.float32))
        self._all.set_rows(np.zeros(0, np.uint32))
        self._selected.set_rows(np.zeros(0, np.uint32))

    def set_colors(self, colors: NDArray[np.float32]) -> None:
        """Take the colours (n, 4) of the points."""
        self._colors.set_data(np.ascontiguousarray(colors, np.float32))
        self.update()

    def set_rows(self, rows: NDArray[np.uint32], selected: NDArray[np.uint32]) -> None:
        """Draw `rows` in this order, and `selected` over them."""
        self._all.set_rows(rows)
        self._selected.set_rows(selected)
        self.update()

    def set_look(self, size: float, alpha: float, fade: float, selected_size: float) -> None:
        """Draw points like this."""
        ratio = float(self.native.devicePixelRatioF())
        self._all.set_look(size * ratio, alpha, fade, self._background)
        self._selected.set_look(selected_size * ratio, 1.0, 0.0, self._background)
        self.update()

    def set_background(self, color: QColor) -> None:
        """Paint on this colour, which is also the one that points fade into; follow with set_look."""
        red, green, blue, _ = color.getRgbF()
        self._background = (red or 0.0, green or 0.0, blue or 0.0)
        if not self._closed:
            self._canvas.bgcolor = self._background

    def set_view(self, view: View) -> None:
        """Show this part of the data."""
        sx, sy = view.scale
        x0, _, y0, _ = view.limits
        self._place.scale = (sx * self._extent[0], -sy * self._extent[1])
        self._place.translate = (
            view.left + (self._origin[0] - x0) * sx,
            view.bottom - (self._origin[1] - y0) * sy,
        )
        self.update()

    def set_picture(self, picture: NDArray[np.uint8] | None, view: View | None = None) -> None:
        """Show a picture (h, w, 4), its first row on top, in the rectangle of `view`; None shows none."""
        self._picture.visible = picture is not None
        if picture is not None and view is not None:
            self._picture.set_data(picture)
            self.move_picture(
                view.left, view.top, view.width / picture.shape[1], view.height / picture.shape[0]
            )
        self.update()

    def move_picture(self, left: float, top: float, step_x: float, step_y: float) -> None:
        """Put the picture's corner, and the size of its pixels, elsewhere."""
        self._picture_place.scale, self._picture_place.translate = (step_x, step_y), (left, top)
        self.update()

    def update(self) -> None:
        """Draw again soon."""
        if not self._closed:
            self._canvas.update()

    @property
    def ready(self) -> bool:
        """Whether OpenGL has begun, which it does when the widget is first painted."""
        return bool(self.native.isValid())

    @property
    def size(self) -> tuple[int, int]:
        """Width and height that OpenGL draws for; those of the widget as soon as it is painted."""
        width, height = self._canvas.size
        return int(width), int(height)

    def picture(self) -> NDArray[np.uint8]:
        """What the canvas shows, (h, w, 4) bytes. Not before it is `ready`: it would lose its points."""
        return np.asarray(self._canvas.render(), np.uint8)

    def _on_initialize(self, event: Any) -> None:
        if not self._began:
            self._began = True
        elif not self._closed:
            self._canvas.scene.visible = False  # what it holds is of the old context
            self._closed = True
            self._on_lost()

    def close(self) -> None:
        """Let go of the canvas: nothing is drawn from here on."""
        if self._gone:
            return
        self._closed = self._gone = True
        self._canvas.events.initialize.disconnect(self._on_initialize)
        for node in (self._all, self._selected, self._picture):
            node.parent = None
        with suppress(RuntimeError):  # Qt may have deleted the widget by now
            # vispy's canvas processes events when it closes, unless its widget has let go of it. In the midst
            # of a window that is closing, they would reach widgets that are gone.
            self.native._vispy_canvas = None
            self._canvas.close()
