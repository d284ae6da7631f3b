"""The same work as a script: it runs, and gives the same table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from explorer_scene import discs, table_of

from napari_segmotif.batch.object_recipe import ObjectDescription, ObjectRecipe
from napari_segmotif.common.image_io import write_image
from napari_segmotif.explore.clusters.stability import cluster_stability
from napari_segmotif.explore.table_files import read_table, write_table
from napari_segmotif.explore.tables import feature_columns, table_info
from napari_segmotif.gui.explore.inputs import ChannelFile, MeasuredFiles
from napari_segmotif.gui.explore.recipe import as_recipe, describe
from napari_segmotif.gui.explore.script import Work, as_python


def run(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(compile(script, "script.py", "exec"), names)
    return names


def files(folder: Path, name: str, seed: int) -> MeasuredFiles:
    labels, image, _ = discs(seed)
    stack = np.stack([image, image + 7])
    write_image(folder / f"{name}.ome.tif", labels, axes="YX", spacing=(0.5, 0.5), labels=True)
    write_image(folder / f"{name}_image.ome.tif", stack, axes="CYX", spacing=(0.5, 0.5))
    path = str(folder / f"{name}_image.ome.tif")
    channels = tuple(ChannelFile(f"stack {k + 1}", path, "CYX", k) for k in range(2))
    return MeasuredFiles(name, str(folder / f"{name}.ome.tif"), "YX", (0.5, 0.5), "micrometer", channels)


def test_a_script_measures_maps_groups_and_classifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_large = discs(0)[2]
    classes = {("one", 0, k + 1): 2 if is_large[k] else 1 for k in range(16)}
    work = Work(
        files=(files(tmp_path, "one", 0), files(tmp_path, "two", 1)),
        table_path=None,
        axes="YX",
        properties=("shape", "intensity"),
        maps={"pca": {"n_components": 2}},
        pruning={"threshold": 0.95, "method": "spearman"},
        clustering={"method": "kmeans", "n_clusters": 2, "space": "features"},
        classifier=object(),  # type: ignore[arg-type]
        classes=classes,
        class_names={1: "small", 2: "large", 3: "never picked"},
    )
    script = as_python(work)
    assert "never picked" not in script
    judging = "print(classifier.validate().summary())\n"  # has tests of its own, and takes its time
    assert judging in script
    names = run(script.replace(judging, ""), tmp_path, monkeypatch)
    table = read_table(tmp_path / "objects.parquet")
    assert table["roi_id"].tolist() == ["one"] * 48 + ["two"] * 48
    labels, image, _ = discs(1)
    row = table[(table["roi_id"] == "two") & (table["label"] == 5)].iloc[0]
    assert row["intensity_mean-1"] == pytest.approx(float(image[labels == 5].mean() + 7), rel=1e-5)
    assert row["area"] == pytest.approx(0.25 * (labels == 5).sum())
    truth = np.concatenate([is_large, discs(1)[2]])
    assert (table["predicted_class"].to_numpy() == np.where(truth, 2, 1)).mean() > 0.95
    assert set(table["cluster"]) == {1, 2}
    assert set(names["columns"]) < set(feature_columns(table))
    assert {"PCA1", "PCA2"} <= set(table.columns)
    assert (tmp_path / "objects.segmotif").exists()


def test_a_script_goes_on_from_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "known.parquet"
    write_table(table_of(), path)
    run(as_python(Work((), path, "", ())), tmp_path, monkeypatch)
    written = read_table(tmp_path / "objects.parquet")
    pd.testing.assert_frame_equal(written[table_of().columns.tolist()], table_of(), check_dtype=False)


def test_what_is_in_no_file_is_said() -> None:
    unsaved = MeasuredFiles("cells", None, "YX", None, None, (ChannelFile("DAPI", None, "YX", None),))
    script = as_python(Work((unsaved,), None, "YX", ("shape",)))
    assert "layer 'cells' is in no file yet" in script
    assert "layer 'DAPI' is in no file yet" in script
    compile(script, "script.py", "exec")


def test_thousands_of_picked_objects_come_from_a_file() -> None:
    classes = {("", 0, k): 1 + k % 2 for k in range(1, 1000)}
    script = as_python(
        Work((), Path("t.csv"), "", (), classifier=object(), classes=classes)  # type: ignore[arg-type]
    )
    assert len(script) < 2000
    assert "picked.parquet" in script


def test_classes_from_a_file_are_those_of_the_same_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = table_of(900)
    kinds = 1 + np.arange(900) % 2
    write_table(table, tmp_path / "t.parquet")
    picked = table.assign(**{"class": np.where(np.arange(900) < 500, kinds, 0)})
    write_table(picked.sample(frac=1, random_state=0), tmp_path / "picked.parquet")  # in another order
    work = Work(
        (), Path("t.parquet"), "", (), classes={("cells", 0, k + 1): int(kinds[k]) for k in range(500)},
        classifier=object(), method="logistic_regression",  # type: ignore[arg-type]
    )  # fmt: skip
    script = as_python(work).replace("print(classifier.validate().summary())\n", "")
    names = run(script, tmp_path, monkeypatch)
    assert (names["table"]["predicted_class"].to_numpy() == kinds).all()


def test_clusters_of_the_check_are_made_by_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(60)
    write_table(table, tmp_path / "t.parquet")
    settings = {"from_check": True, "method": "kmeans", "n_clusters": 2, "space": "features"}
    work = Work((), Path("t.parquet"), "", (), clustering=settings, clustering_columns=("area", "solidity"))
    script = as_python(work)
    assert "Clustering" not in script
    names = run(script, tmp_path, monkeypatch)
    same = cluster_stability(table, method="kmeans", columns=["area", "solidity"])
    assert names["table"]["cluster"].tolist() == same.labels.tolist()
    assert same.n_clusters == 2


def test_clusters_of_a_map_are_of_the_map_that_they_were_found_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = table_of(40).assign(UMAP1=np.arange(40) % 4 // 2, UMAP2=0.5)
    write_table(table, tmp_path / "t.parquet")
    settings = {"method": "kmeans", "n_clusters": 2, "space": "embedding", "map": ["UMAP1", "UMAP2"]}
    names = run(as_python(Work((), Path("t.parquet"), "", (), clustering=settings)), tmp_path, monkeypatch)
    assert names["table"]["cluster"].tolist() == [1, 1, 2, 2] * 10


def test_a_recipe_is_plain_json(tmp_path: Path) -> None:
    work = Work(
        (files(tmp_path, "one", 0),), None, "YX", ("shape",), maps={"umap": {"n_neighbors": 15}},
        clustering={"method": "kmeans", "n_clusters": 2},
    )  # fmt: skip
    recipe = as_recipe(work)
    assert json.loads(json.dumps(recipe)) == recipe
    assert recipe["tool"] == "objects"
    assert recipe["inputs"] == [str(tmp_path / "one.ome.tif")]
    written = describe(work).save(tmp_path / "r.json")
    again = ObjectDescription.load(written)
    assert again.parameters.properties == ("shape",)
    assert again.parameters.channel_names == ("stack 1", "stack 2")


def test_a_recipe_names_the_classifier_that_is_in_a_file(tmp_path: Path) -> None:
    saved = tmp_path / "c.segmotif"
    saved.write_bytes(b"a classifier")
    made = describe(Work((), None, "", ("shape",), saved=saved))
    assert isinstance(made, ObjectRecipe)
    assert made.model.path == str(saved)


def test_textures_of_all_images_have_the_grey_levels_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = (files(tmp_path, "one", 0), files(tmp_path, "two", 1))
    image = np.stack([discs(1)[1] * 3, discs(1)[1] * 3 + 7])  # brighter: levels of its own would be others
    write_image(tmp_path / "two_image.ome.tif", image, axes="CYX", spacing=(0.5, 0.5))
    names = run(as_python(Work(both, None, "YX", ("intensity", "texture"))), tmp_path, monkeypatch)
    levels = [table_info(one).grey_ranges for one in names["tables"]]
    assert levels[0] == levels[1]


def test_maps_are_made_with_the_features_they_were_made_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(table_of(20), tmp_path / "t.parquet")
    work = Work(
        (),
        Path("t.parquet"),
        "",
        (),
        maps={"pca": {"n_components": 2}},
        map_columns={"pca": ("area", "solidity")},
    )
    names = run(as_python(work), tmp_path, monkeypatch)
    assert tuple(names["embedding"].columns_) == ("area", "solidity")
    assert "Embedding" not in as_python(Work((), Path("t.parquet"), "", ()))  # no map, none in the script


def test_a_recipe_has_the_axes_that_were_measured(tmp_path: Path) -> None:
    work = Work((files(tmp_path, "one", 0),), None, "ZYX", ("shape",))  # other labels are chosen by now
    assert as_recipe(work)["parameters"]["axes"] == "YX"
