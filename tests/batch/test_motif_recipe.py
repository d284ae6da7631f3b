from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_segmotif import write_image
from napari_segmotif.batch.motif_recipe import MotifJobParameters, MotifRecipe
from napari_segmotif.batch.recipe import PixelParameters, Recipe, load_recipe
from napari_segmotif.errors import InputError
from napari_segmotif.motifs.parameters import MotifParameters

PARAMETERS = st.builds(
    MotifJobParameters,
    settings=st.builds(
        MotifParameters,
        n_motifs=st.integers(1, 50),
        motif_length=st.integers(2, 5000),
        frame_rate=st.floats(0.01, 1000),
        random_state=st.integers(0, 2**31 - 1),
        init=st.sampled_from(["sparse_coding", "random"]),
        motion=st.sampled_from(["none", "rigid"]),
        normalization=st.sampled_from(["subtract", "dff"]),
        bleaching=st.booleans(),
        cell_size=st.none() | st.floats(1.5, 200),
    ),
    frame_rate_from_file=st.booleans(),
    axes=st.none() | st.sampled_from(["TYX", "TCYX"]),
    spacing=st.none() | st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)),
    nwb=st.booleans(),
)


@given(PARAMETERS)
def test_every_recipe_survives_json(parameters: MotifJobParameters) -> None:
    recipe = MotifRecipe.of(parameters, ["a.tif"])
    assert MotifRecipe.model_validate(json.loads(json.dumps(recipe.as_json()))) == recipe
    assert recipe.parameters == parameters


def test_saved_and_loaded_recipes_are_equal(tmp_path: Path) -> None:
    recipe = MotifRecipe.of(MotifJobParameters(), ["a.tif"], details={"crop": [0, 10]})
    path = recipe.save(tmp_path / "recipe.json")
    assert MotifRecipe.load(path) == load_recipe(path) == recipe
    assert recipe.made_with["torch"]
    assert json.loads(path.read_text("utf-8"))["tool"] == "motifs"


def test_a_recipe_is_read_out_of_an_image(tmp_path: Path) -> None:
    recipe = MotifRecipe.of(MotifJobParameters(settings=MotifParameters(n_motifs=5)), ["a.tif"])
    path = tmp_path / "motif_1.ome.tif"
    write_image(path, np.zeros((4, 8, 8), np.float32), axes="TYX", metadata={"segmotif": recipe.as_json()})
    assert load_recipe(path) == recipe


def test_recipes_know_no_device() -> None:
    asked = MotifJobParameters(settings=MotifParameters(device="cpu"))
    assert MotifRecipe.of(asked, []).parameters.settings.device == "auto"


def test_both_tools_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "model.segmotif").write_bytes(b"model")
    pixel = Recipe.of(tmp_path / "model.segmotif", PixelParameters(), [])
    path = pixel.save(tmp_path / "pixel.json")
    assert load_recipe(path) == pixel
    motifs = MotifRecipe().save(tmp_path / "motifs.json")
    with pytest.raises(InputError, match=r"no recipe .*tool.*\(got"):
        Recipe.load(motifs)
    with pytest.raises(InputError, match=r"no recipe .*tool.*\(got"):
        MotifRecipe.load(path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "EOF"),
        ("{}", "model"),
        ("[1, 2]", "object"),
        ("[" * 100_000, "recursion"),
        ('{"tool": "explore"}', "tool"),
        ('{"tool": "motifs", "recipe_version": 2}', "recipe_version"),
        ('{"tool": "motifs", "model": {"path": "m"}}', "model"),
        ('{"tool": "motifs", "parameters": {"settings": {"n_motifs": 0}}}', "n_motifs"),
        ('{"tool": "motifs", "parameters": {"settings": {"exec": "rm"}}}', "exec"),
        ('{"tool": "motifs", "parameters": {"spacing": [1, 1, 1]}}', "spacing"),
    ],
)
def test_damaged_recipes_are_refused_in_words(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"no recipe .*{complaint}"):
        load_recipe(path)


def test_the_recipe_in_the_docs_is_one() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "file-formats.md").read_text("utf-8")
    examples = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    recipe = MotifRecipe.model_validate_json(next(e for e in examples if '"motifs"' in e))
    assert recipe.parameters.settings.motion == "rigid"
    assert recipe.parameters.frame_rate_from_file
