"""A scatter plot as a file: PNG at twice its size on the screen, or SVG.

The points are not taken from OpenGL: so they are smooth at any size, and a plot can be saved that is not on
the screen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPainter

from ....common.atomic import write_atomically
from ....errors import InputError, StorageError
from .scatter_raster import disc_picture

#: Pixels of a saved picture for each on the screen.
ENLARGEMENT = 2
#: Beyond this an SVG holds a picture of the points, and not each as a circle.
MOST_CIRCLES = 20_000

_PIXELS_PER_INCH = 96  # as browsers and drawing programs take it

Colors = NDArray[np.float32]


def save_plot(
    path: str | Path, size: QSize, paint: Callable[[QPainter, bool], object], title: str = "", note: str = ""
) -> Path:
    """Write a plot as PNG or as SVG, by the suffix of `path`.

    Parameters
    ----------
    path
        Ends in .png or .svg.
    size
        Of the plot on the screen.
    paint
        Paints the plot in its size on the screen; the second argument says whether into a vector file.
    title, note
        Title and description of an SVG.

    Raises
    ------
    InputError
        If the suffix is another one.
    StorageError
        If the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".png", ".svg"):
        raise InputError(f"a plot is saved as .png or .svg: choose one of these endings (got {path.name})")
    with write_atomically(path) as temporary:
        written = (
            _write_svg(temporary, size, paint, title, note)
            if suffix == ".svg"
            else _write_png(temporary, size, paint)
        )
        if not written:
            raise StorageError(f"the plot could not be written: choose another folder (got {path})")
    return path


def _write_png(path: Path, size: QSize, paint: Callable[[QPainter, bool], object]) -> bool:
    image = QImage(size * ENLARGEMENT, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ENLARGEMENT)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    try:
        paint(painter, False)
    finally:
        painter.end()
    return bool(image.save(str(path)))


def _write_svg(
    path: Path, size: QSize, paint: Callable[[QPainter, bool], object], title: str, note: str
) -> bool:
    from qtpy.QtSvg import QSvgGenerator

    generator = QSvgGenerator()
    generator.setFileName(str(path))
    generator.setSize(size)
    generator.setViewBox(QRectF(0, 0, size.width(), size.height()))
    generator.setResolution(_PIXELS_PER_INCH)
    generator.setTitle(title)
    generator.setDescription(note)
    painter = QPainter()
    if not painter.begin(generator):
        return False
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    try:
        paint(painter, True)
    finally:
        painter.end()
    return path.exists()


def paint_points(
    painter: QPainter,
    px: NDArray[np.float64],
    py: NDArray[np.float64],
    colors: Colors,
    size: float,
    frame: QRectF,
    *,
    circles: bool = False,
) -> None:
    """Paint points, the first ones lowest.

    Parameters
    ----------
    painter
        Where to paint.
    px, py
        (n,) finite places on the screen.
    colors
        (n, 4) with opacity.
    size
        Diameter in pixels.
    frame
        Points outside of it are left out, and those at its edge cut off.
    circles
        Paint each as a circle of its own, as a vector file may keep it, and not all as one picture.
    """
    near = size  # so much of a disc may reach into the frame
    seen = np.flatnonzero(
        (px > frame.left() - near)
        & (px < frame.right() + near)
        & (py > frame.top() - near)
        & (py < frame.bottom() + near)
    )
    px, py, colors = px[seen], py[seen], colors[seen]
    if not len(seen):
        return
    painter.save()
    painter.setClipRect(frame)
    if circles:
        _paint_circles(painter, px, py, colors, size)
    else:
        by = ENLARGEMENT
        shape = math.ceil(frame.height() * by), math.ceil(frame.width() * by)
        pixels = disc_picture((px - frame.left()) * by, (py - frame.top()) * by, colors, size * by, shape)
        painter.drawImage(QRectF(frame.left(), frame.top(), shape[1] / by, shape[0] / by), to_image(pixels))
    painter.restore()


def to_image(pixels: NDArray[np.uint8]) -> QImage:
    """A picture (h, w, 4) for Qt."""
    height, width = pixels.shape[:2]
    whole = np.ascontiguousarray(pixels)
    return QImage(whole.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()


def _paint_circles(
    painter: QPainter, px: NDArray[np.float64], py: NDArray[np.float64], colors: Colors, size: float
) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    last: tuple[int, ...] = ()
    for x, y, color in zip(px.tolist(), py.tolist(), _bytes(colors).tolist(), strict=True):
        if tuple(color) != last:
            last = tuple(color)
            painter.setBrush(QColor(*color))
        painter.drawEllipse(QPointF(x, y), size / 2, size / 2)


def _bytes(colors: Colors) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.rint(255 * np.clip(colors, 0.0, 1.0)).astype(np.uint8))
