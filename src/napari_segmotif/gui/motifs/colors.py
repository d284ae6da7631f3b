"""The colours of motifs: the same ones in layers, tables and plots."""

from __future__ import annotations

import colorsys

_FIRST = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00", "#4f86f7")
"""Okabe and Ito's colours for every kind of colour vision, but for their yellow, which light themes swallow,
and with a blue that black does not swallow."""

GREY = "#8c8c8c"
"""What is not significant."""

_GOLDEN = 0.618033988749895  # of a turn: every further hue falls into the widest gap


def motif_colors(n: int) -> tuple[str, ...]:
    """Return n distinguishable colours that are read on dark and on light themes.

    Parameters
    ----------
    n
        How many; the first six can be told apart with every kind of colour vision.

    Returns
    -------
    tuple of str
        "#rrggbb", all different.
    """
    colors = list(_FIRST[:n])
    step = 0
    while len(colors) < n:
        hue = (0.11 + step * _GOLDEN) % 1
        # Two rings of lightness: neighbours in hue differ in it.
        rgb = colorsys.hls_to_rgb(hue, 0.62 if step % 2 else 0.48, 0.65)
        color = "#" + "".join(f"{round(255 * part):02x}" for part in rgb)
        if color not in colors:
            colors.append(color)
        step += 1
    return tuple(colors)
