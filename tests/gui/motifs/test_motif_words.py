"""What is said, the part that a preview takes, and the colours: nothing of it needs a window."""

from __future__ import annotations

import colorsys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_segmotif.gui.motifs.colors import motif_colors
from napari_segmotif.gui.motifs.crop import preview_crop
from napari_segmotif.gui.motifs.script import as_python
from napari_segmotif.gui.motifs.words import found_in_words, p_in_words, seconds_in_words
from napari_segmotif.gui.source_file import FileOfLayer
from napari_segmotif.motifs.parameters import MotifParameters


def model(*p: float, n_occurrences: int = 0, messages: tuple[str, ...] = ()) -> Any:
    values = np.array(p, np.float32)
    return SimpleNamespace(
        p_values_=values, significant_=values < 0.05, occurrences_=(None,) * n_occurrences, messages_=messages
    )


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (0.0001, "p < .001"),
        (0.001, "p = .001"),
        (0.0444, "p = .044"),
        (0.42, "p = .42"),
        (1.0, "p = 1"),
        (np.nan, "not tested"),
    ],
)
def test_p_values_are_said_as_papers_do(p: float, said: str) -> None:
    assert p_in_words(p) == said


def test_what_was_found_is_said_in_one_sentence() -> None:
    assert found_in_words(model(0.001, 0.001, 0.004, n_occurrences=27)) == (
        "3 motifs, all significant (p ≤ .004); 27 occurrences."
    )
    assert found_in_words(model(0.01, n_occurrences=1)) == "1 motif, significant (p = .010); 1 occurrence."
    assert found_in_words(model(0.0001, 0.3, n_occurrences=4)) == (
        "2 motifs, 1 of them significant (p < .001); 4 occurrences."
    )
    assert "Record longer" in found_in_words(model(0.2))
    assert found_in_words(model(messages=("no motif is significant: try F = 60",))) == (
        "No motif is significant: try F = 60."
    )


def test_lengths_are_said_in_seconds() -> None:
    assert seconds_in_words(31, 30) == "1.03 s"
    assert seconds_in_words(2, 50) == "40 ms"


@pytest.mark.parametrize("n", [1, 6, 20, 50])
def test_colours_differ_and_are_read_on_both_themes(n: int) -> None:
    colors = motif_colors(n)
    assert len(set(colors)) == n
    assert motif_colors(n - 1) == colors[: n - 1]
    for color in colors:
        red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
        _, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
        assert 0.25 < lightness < 0.75
        assert saturation > 0.3


def test_a_preview_takes_the_middle_of_what_is_seen() -> None:
    crop = preview_crop((1800, 512, 256), 31, (slice(7, 8), slice(400, 512), slice(0, 60)))
    assert crop.size == (620, 96, 96)
    assert crop.region[1] == slice(408, 504)
    assert crop.region[2] == slice(0, 96)
    assert crop.in_words() == "96 × 96 px, the first 620 of 1,800 frames"
    small = preview_crop((100, 64, 50), 31)
    assert small.size == (100, 64, 50)
    assert small.in_words() == "all 64 × 50 px, all 100 frames"


def test_the_script_names_the_file_and_what_is_not_the_default() -> None:
    file = FileOfLayer("calcium", None, "TYX", None)
    script = as_python(file, MotifParameters(motif_length=12, init="random"))
    compile(script, "script", "exec")
    assert "is in no file yet" in script
    assert "motif_length=12" in script
    assert "init='random'" in script
    assert "n_restarts" not in script
