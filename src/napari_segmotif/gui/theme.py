"""The colours of napari's theme, for what we paint ourselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari.settings import get_settings
from napari.utils.theme import get_theme
from qtpy.QtGui import QColor

from .layers import unwrapped

if TYPE_CHECKING:
    from napari import Viewer


@dataclass(frozen=True)
class ThemeColors:
    """What a plot needs of a theme."""

    background: QColor
    foreground: QColor
    text: QColor
    muted: QColor
    accent: QColor
    dark: bool


def theme_colors(napari_viewer: Viewer | None) -> ThemeColors:
    """The colours of the viewer's theme, or of the theme in the settings where there is no viewer."""
    name = get_settings().appearance.theme if napari_viewer is None else unwrapped(napari_viewer).theme
    theme = get_theme(name)
    text, background = _color(theme.text), _color(theme.background)
    dark = background.lightnessF() < 0.5
    return ThemeColors(
        background=background,
        foreground=_color(theme.foreground),
        text=text,
        muted=mixed(background, text, 0.55),
        accent=QColor("#4da3ff") if dark else QColor("#1467c0"),
        dark=dark,
    )


def mixed(first: QColor, second: QColor, share: float) -> QColor:
    """A colour between two others; `share` of the second."""
    parts = zip(first.getRgbF()[:3], second.getRgbF()[:3], strict=True)
    return QColor.fromRgbF(*(a + (b - a) * share for a, b in parts))


def _color(color: Any) -> QColor:
    return QColor(*color.as_rgb_tuple(alpha=False))
