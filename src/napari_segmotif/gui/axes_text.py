"""The axes an image can have, in words. No Qt in here."""

from __future__ import annotations

_WORDS = {"T": "time", "C": "channels", "Z": "Z"}

_BY_NDIM: dict[int, tuple[str, ...]] = {
    2: ("YX",),
    3: ("ZYX", "TYX", "CYX", "YXC"),
    4: ("TZYX", "CZYX", "ZCYX", "TCYX", "CTYX", "ZYXC", "TYXC"),
    5: ("TCZYX", "TZCYX", "CTZYX", "TZYXC"),
}


def possible_axes(ndim: int, *, rgb: bool) -> tuple[str, ...]:
    """Return the axes an array of `ndim` dimensions can have; RGB samples are a channel axis at the end."""
    return tuple(axes for axes in _BY_NDIM.get(ndim, ()) if axes.endswith("C") or not rgb)


def axes_in_words(axes: str, *, rgb: bool = False) -> str:
    """Say what the axes mean: "ZYX" is "Z stack"."""
    leading = [letter for letter in axes if letter not in "YX"]
    if rgb:
        leading.remove("C")
    names = [_WORDS[letter] for letter in leading]
    if leading == ["Z"]:
        text = "Z stack"
    elif leading == ["T"]:
        text = "time series"
    elif not leading:
        text = "plane"
    else:
        text = " × ".join(names) + " × plane"
    return text + (" (RGB)" if rgb else "")


def size_in_words(
    axes: str, shape: tuple[int, ...], spacing: tuple[float, ...] | None, units: tuple[str, ...] | None
) -> str:
    """Say how large the image is: "64 × 256 × 256 px · 2 channels · 1 × 0.3 × 0.3 micrometer"."""
    sizes = dict(zip(axes, shape, strict=True))
    parts = [" × ".join(str(sizes[letter]) for letter in axes if letter in "ZYX") + " px"]
    if "T" in sizes:
        parts.append(f"{sizes['T']} frames")
    if "C" in sizes:
        parts.append(f"{sizes['C']} channels")
    if spacing is not None:
        unit = units[-1] if units and len(set(units)) == 1 else "units"
        unit = {"micrometer": "µm", "nanometer": "nm", "millimeter": "mm", "pixel": "px"}.get(unit, unit)
        parts.append(" × ".join(f"{step:.3g}" for step in spacing) + f" {unit} per pixel")
    return " · ".join(parts)
