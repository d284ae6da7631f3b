from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_segmotif.batch.model_recipe import ModelReference
from napari_segmotif.batch.recipe import PixelParameters, Recipe, load_recipe
from napari_segmotif.batch.unet_recipe import UNetDescription, UNetJobParameters, UNetRecipe
from napari_segmotif.errors import InputError, ModelMismatchError

PARAMETERS = st.builds(
    UNetJobParameters,
    outputs=st.lists(st.sampled_from(["labels", "instances", "probabilities", "uncertainty"]), min_size=1),
    augment=st.booleans(),
    uncertainty=st.sampled_from(["flips", "dropout"]),
    axes=st.none() | st.sampled_from(["YX", "ZYX", "YXC"]),
    spacing=st.none() | st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)),
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.segmotif"
    path.write_bytes(b"the bytes of a model")
    return path


@given(PARAMETERS)
def test_every_recipe_survives_json(parameters: UNetJobParameters) -> None:
    recipe = UNetRecipe(parameters=parameters, model=ModelReference(path="m.segmotif", sha256="0" * 64))
    assert UNetRecipe.model_validate(json.loads(json.dumps(recipe.as_json()))) == recipe
    assert len(set(recipe.parameters.outputs)) == len(recipe.parameters.outputs)


def test_the_tool_says_whose_recipe_it_is(tmp_path: Path, model: Path) -> None:
    recipe = UNetRecipe.of(model, UNetJobParameters(outputs=("instances",)), ["a.tif"])
    path = recipe.save(tmp_path / "unet.json")
    loaded = load_recipe(path)
    assert loaded == recipe
    assert isinstance(loaded, UNetRecipe)
    assert recipe.made_with["torch"]
    pixel = Recipe.of(model, PixelParameters(), []).save(tmp_path / "pixel.json")
    assert type(load_recipe(pixel)) is Recipe
    for theirs, kind in ((path, Recipe), (pixel, UNetRecipe)):
        with pytest.raises(InputError, match=r"no recipe .*tool.*\(got"):
            kind.load(theirs)


def test_a_changed_model_is_refused_and_on_names_the_new_one(tmp_path: Path, model: Path) -> None:
    recipe = UNetRecipe.of(model, UNetJobParameters(augment=True), ["a.tif"])
    model.write_bytes(b"the bytes of another model")
    with pytest.raises(ModelMismatchError, match=r"changed since .*\(got "):
        recipe.checked_model()
    repeated = recipe.on(model, ["b.tif"])
    assert repeated.checked_model() == model
    assert repeated.parameters == recipe.parameters
    assert repeated.inputs == ("b.tif",)


def test_a_description_becomes_a_recipe_once_there_is_a_model(model: Path) -> None:
    described = UNetDescription(inputs=("a.tif",), details={"image": "a"})
    recipe = described.giving("uncertainty").with_model(ModelReference.of(model))
    assert isinstance(recipe, UNetRecipe)
    assert recipe.parameters.outputs == ("uncertainty",)
    assert recipe.details == {"image": "a"}
    assert "model" not in described.as_json()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"tool": "unet"}', "model"),
        ('{"tool": "unet", "model": {"path": "m", "sha256": "short"}}', "sha256"),
        ('{"tool": "unet", "model": {"path": "m", "sha256": "%s"}, "exec": "rm"}' % ("0" * 64), "exec"),
        (
            '{"tool": "unet", "model": {"path": "m", "sha256": "%s"}, "parameters": {"outputs": ["objects"]}}'
            % ("0" * 64),
            "outputs",
        ),
    ],
)
def test_damaged_recipes_are_refused_in_words(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"no recipe .*{complaint}"):
        load_recipe(path)
