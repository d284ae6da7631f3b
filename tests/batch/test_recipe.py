from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_segmotif.batch.recipe import ModelReference, ObjectParameters, PixelParameters, Recipe
from napari_segmotif.errors import InputError, ModelMismatchError

OBJECTS = st.builds(
    ObjectParameters,
    class_id=st.integers(1, 50),
    threshold=st.floats(0.01, 0.99),
    minimum_size=st.integers(0, 10_000),
    fill_holes=st.booleans(),
    split_touching=st.booleans(),
)
PARAMETERS = st.builds(
    PixelParameters,
    outputs=st.lists(st.sampled_from(["labels", "probabilities", "uncertainty", "objects"]), min_size=1),
    objects=st.none() | OBJECTS,
    axes=st.none() | st.sampled_from(["YX", "ZYX", "YXC"]),
    spacing=st.none() | st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)),
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.segmotif"
    path.write_bytes(b"the bytes of a model")
    return path


@given(PARAMETERS)
def test_every_recipe_survives_json(parameters: PixelParameters) -> None:
    recipe = Recipe(parameters=parameters, model=ModelReference(path="m.segmotif", sha256="0" * 64))
    assert Recipe.model_validate(json.loads(json.dumps(recipe.as_json()))) == recipe


def test_saved_and_loaded_recipes_are_equal(tmp_path: Path, model: Path) -> None:
    recipe = Recipe.of(model, PixelParameters(outputs=("labels", "labels", "uncertainty")), ["a.tif"])
    assert recipe.parameters.outputs == ("labels", "uncertainty")
    loaded = Recipe.load(recipe.save(tmp_path / "recipe.json"))
    assert loaded == recipe
    assert loaded.checked_model() == model
    assert loaded.made_with["napari-segmotif"]


def test_a_folder_with_model_and_recipe_can_be_moved(tmp_path: Path) -> None:
    before = tmp_path / "before"
    before.mkdir()
    (before / "model.segmotif").write_bytes(b"model")
    Recipe.of(before / "model.segmotif", PixelParameters(), []).save(before / "recipe.json")
    after = before.rename(tmp_path / "after")
    assert Recipe.load(after / "recipe.json").checked_model() == after / "model.segmotif"


def test_a_changed_or_missing_model_is_refused(tmp_path: Path, model: Path) -> None:
    recipe = Recipe.of(model, PixelParameters(), [])
    model.write_bytes(b"the bytes of another model")
    with pytest.raises(ModelMismatchError, match=r"changed since .*\(got "):
        recipe.checked_model()
    model.unlink()
    with pytest.raises(InputError, match=r"not there.*\(got "):
        recipe.checked_model()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "EOF"),
        ("{}", "model"),
        ("[1, 2]", "object"),
        ('{"recipe_version": 2, "model": {"path": "m", "sha256": "%s"}}' % ("0" * 64), "recipe_version"),
        ('{"tool": "unet", "model": {"path": "m", "sha256": "%s"}}' % ("0" * 64), "tool"),
        ('{"model": {"path": "m", "sha256": "short"}}', "sha256"),
        ('{"model": {"path": "m", "sha256": "%s"}, "exec": "rm"}' % ("0" * 64), "exec"),
        ('{"model": {"path": "m", "sha256": "%s"}, "parameters": {"outputs": []}}' % ("0" * 64), "outputs"),
    ],
)
def test_damaged_recipes_are_refused_in_words(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"no recipe .*{complaint}"):
        Recipe.load(path)


def test_a_missing_recipe_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such recipe.*\(got "):
        Recipe.load(tmp_path / "none.json")
