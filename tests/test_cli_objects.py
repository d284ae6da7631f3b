"""`segmotif objects …`, and `segmotif run` with a recipe of objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from sklearn.metrics import adjusted_rand_score

from napari_segmotif import simulate_nuclei_2d, write_image
from napari_segmotif.cli import main
from napari_segmotif.explore.classifying.object_classifier import ObjectClassifier
from napari_segmotif.explore.clusters.clustering import Clustering
from napari_segmotif.explore.mapping.embedding import Embedding
from napari_segmotif.explore.measuring.measurement import measure_objects
from napari_segmotif.explore.table_files import read_table, write_table
from napari_segmotif.explore.table_simulation import simulate_blobs
from napari_segmotif.explore.tables import table_info

SPACING = (0.5, 0.25)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("objects")
    for name in ("images", "labels"):
        (root / name).mkdir()
    for number in range(2):
        sample = simulate_nuclei_2d(shape=(96, 112), random_state=number)
        kept = {"axes": "YX", "spacing": SPACING, "units": "micrometer"}
        write_image(root / f"images/n{number}.tif", sample.image, **kept)
        write_image(root / f"labels/n{number}_objects.tif", sample.labels, labels=True, **kept)
    return root


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of three clusters in two images, with the truth in the column kind."""
    table, truth = simulate_blobs(150, 4, 3, n_images=2, random_state=1000)
    path = tmp_path_factory.mktemp("blobs") / "blobs.csv"
    return write_table(table.assign(kind=[f"kind {k}" for k in truth], known=truth), path)


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def measured(folders: Path) -> Path:
    out = folders / "cells.parquet"
    given = ["--intensity", folders / "images", "--properties", "shape,intensity", "position"]
    assert run("objects", "measure", folders / "labels", *given, "-o", out) == 0
    return out


def test_files_are_measured_as_in_python(folders: Path, measured: Path) -> None:
    table = read_table(measured)
    assert table["roi_id"].unique().tolist() == ["n0_objects", "n1_objects"]
    sample = simulate_nuclei_2d(shape=(96, 112), random_state=1)
    expected = measure_objects(
        sample.labels, sample.image, SPACING, ("shape", "intensity", "position"), unit="micrometer"
    )
    found = table[table["roi_id"] == "n1_objects"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found.drop(columns="roi_id"), expected.drop(columns="roi_id"), rtol=1e-6)
    info = table_info(table)
    assert info is not None
    assert (info.unit, info.spacing) == ("micrometer", SPACING)


def test_run_repeats_to_the_same_table(folders: Path, measured: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.parquet"
    recipe = measured.with_suffix(".recipe.json")
    assert run("run", recipe, folders / "labels", "--intensity", folders / "images", "-o", again) == 0
    pd.testing.assert_frame_equal(read_table(again), read_table(measured), check_exact=True)


def test_one_bad_file_does_not_stop_the_others(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "smooth.tif"
    write_image(bad, np.full((8, 8), 0.5, np.float32), axes="YX")
    good = folders / "labels/n0_objects.tif"
    assert run("objects", "measure", good, bad, "-o", tmp_path / "t.csv") == 1
    assert "whole numbers" in capsys.readouterr().err
    assert read_table(tmp_path / "t.csv")["roi_id"].unique().tolist() == ["n0_objects"]


def test_an_image_with_other_channels_does_not_cost_the_others(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tifffile.imread(folders / "images/n1.tif")
    write_image(tmp_path / "n1.tif", np.stack([image, image]), axes="CYX")
    labels = [folders / f"labels/n{number}_objects.tif" for number in range(2)]
    given = ["--intensity", folders / "images/n0.tif", tmp_path / "n1.tif", "-o", tmp_path / "t.csv"]
    assert run("objects", "measure", *labels, *given) == 1
    said = capsys.readouterr().err
    assert "n1_objects.tif: failed: tables can be joined only where their channels agree" in said
    assert read_table(tmp_path / "t.csv")["roi_id"].unique().tolist() == ["n0_objects"]


@pytest.mark.parametrize("channels", ["", "last", "second"])
def test_axes_hold_for_labels_and_images_that_do_not_name_them(tmp_path: Path, channels: str) -> None:
    labels = np.zeros((5, 12, 14), np.uint8)
    labels[:, 2:6, 2:8], labels[1:, 8:11, 4:9] = 1, 2
    image = np.random.default_rng(0).random(labels.shape).astype(np.float32)
    if channels:
        image = np.stack([image, -image], axis=-1 if channels == "last" else 1)
    tifffile.imwrite(tmp_path / "L.tif", labels)
    tifffile.imwrite(tmp_path / "I.tif", image, photometric="minisblack")
    given = ["--intensity", tmp_path / "I.tif", "--axes", "TYX", "--properties", "area,intensity_mean"]
    assert run("objects", "measure", tmp_path / "L.tif", *given, "-o", tmp_path / "t.csv") == 0
    found = read_table(tmp_path / "t.csv")
    assert found["frame"].tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4]
    expected = measure_objects(labels, image, properties=["area", "intensity_mean"], axes="TYX")
    pd.testing.assert_frame_equal(found.iloc[:, 1:], expected.iloc[:, 1:], rtol=1e-6)


def test_textures_of_all_images_have_the_grey_levels_of_the_first_or_of_the_classifier(
    folders: Path, tmp_path: Path
) -> None:
    from napari_segmotif.batch.model_recipe import ModelReference
    from napari_segmotif.batch.object_recipe import ObjectDescription

    both = tmp_path / "both.csv"
    given = ["--intensity", folders / "images", "--properties", "texture"]
    assert run("objects", "measure", folders / "labels", *given, "-o", both) == 0
    table = read_table(both)
    info = table_info(table)
    assert info is not None
    samples = [simulate_nuclei_2d(shape=(96, 112), random_state=number) for number in range(2)]
    first = table_info(measure_objects(samples[0].labels, samples[0].image, properties="texture"))
    assert first is not None
    assert info.grey_ranges == first.grey_ranges != ()
    second = measure_objects(
        samples[1].labels, samples[1].image, properties="texture", grey_range=first.grey_ranges
    )
    found = table[table["roi_id"] == "n1_objects"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found.iloc[:, 4:], second.iloc[:, 4:])

    classes = np.where(table["haralick_contrast"] > table["haralick_contrast"].median(), 2, 1)
    classifier = ObjectClassifier(n_estimators=10).fit(table, classes)
    model = classifier.save(tmp_path / "texture.segmotif")
    recipe = ObjectDescription.load(both.with_suffix(".recipe.json")).with_model(ModelReference.of(model))
    recipe.save(tmp_path / "recipe.json")
    # The second image alone, and an image whose channels are not the classifier's.
    image = tifffile.imread(folders / "images/n0.tif")
    write_image(tmp_path / "n0.tif", np.stack([image, image]), axes="CYX", spacing=SPACING)
    labels = [folders / f"labels/n{number}_objects.tif" for number in range(2)]
    images = ["--intensity", tmp_path / "n0.tif", folders / "images/n1.tif"]
    alone = tmp_path / "alone.csv"
    assert run("run", tmp_path / "recipe.json", *labels, *images, "-o", alone) == 1
    again = read_table(alone)
    assert again["roi_id"].unique().tolist() == ["n1_objects"]
    np.testing.assert_array_equal(again["haralick_contrast"], found["haralick_contrast"])


def test_maps_and_clusters_are_those_of_python(blobs: Path, tmp_path: Path) -> None:
    features = ["feature_1", "feature_2", "feature_3", "feature_4"]
    table = read_table(blobs)
    features = [name for name in table.columns if name.startswith("feature")]
    out = tmp_path / "map.parquet"
    assert run("objects", "embed", blobs, "--columns", ",".join(features), "-o", out) == 0
    expected = Embedding("pca").fit(table, features).embedding_
    np.testing.assert_array_equal(read_table(out)[["PCA1", "PCA2"]].to_numpy(np.float32), expected)
    chosen = ["--columns", *features, "--clusters", 3, "--seed", 5, "-o", out]
    assert run("objects", "cluster", blobs, *chosen) == 0
    labels = Clustering("kmeans", 3, random_state=5).fit(table, features).labels_
    np.testing.assert_array_equal(read_table(out)["cluster"], labels)


def test_how_many_clusters_is_found_and_said(
    blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "clusters.csv"
    features = [name for name in read_table(blobs).columns if name.startswith("feature")]
    assert run("objects", "cluster", blobs, "--columns", *features, "--most", 5, "-o", out) == 0
    assert "hree clusters" in capsys.readouterr().out
    table = read_table(out)
    assert adjusted_rand_score(table["known"], table["cluster"]) > 0.9
    assert table["confidence"].between(0, 1).all()


def test_hdbscan_finds_the_number_of_clusters_itself(blobs: Path, tmp_path: Path) -> None:
    out = tmp_path / "clusters.csv"
    features = [name for name in read_table(blobs).columns if name.startswith("feature")]
    assert run("objects", "cluster", blobs, "--columns", *features, "--method", "hdbscan", "-o", out) == 0
    clustered = read_table(out).query("cluster > 0")  # the others are in none
    assert len(clustered) > 100
    assert adjusted_rand_score(clustered["known"], clustered["cluster"]) > 0.9


@pytest.mark.parametrize("seed", ["-1", "0.5", str(2**31)])
def test_a_seed_is_a_whole_number_from_0(blobs: Path, seed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("objects", "embed", blobs, "--seed", seed, "-o", "t.csv")
    assert ended.value.code == 2
    assert f"whole number from 0 to 2147483647 (got '{seed}')" in capsys.readouterr().err


def test_classes_of_a_table_of_one_image_need_only_the_label(
    blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = read_table(blobs)
    one = table[table["roi_id"] == table["roi_id"].iloc[0]].assign(frame=3)
    write_table(one.drop(columns=["known", "kind"]), tmp_path / "one.csv")
    picked = pd.DataFrame({"label": one["label"], "class": one["known"]})
    picked.loc[len(table)] = [10_000, 1]
    out, model = tmp_path / "classes.csv", tmp_path / "model.segmotif"

    def classify(classes: pd.DataFrame, into: Path = out) -> int:
        classes.to_csv(tmp_path / "picked.csv", index=False)
        given = ["--classes", tmp_path / "picked.csv", "--validate-by", "none", "--save", model, "-o", into]
        return run("objects", "classify", tmp_path / "one.csv", *given)

    assert classify(picked) == 0
    said = capsys.readouterr().err
    assert f"1 of {len(picked)} classes are of objects that are not in the table" in said
    assert (read_table(out)["predicted_class"].to_numpy() == one["known"].to_numpy()).mean() > 0.95
    assert classify(picked.assign(roi_id="another"), tmp_path / "never.csv") == 1
    said = capsys.readouterr().err
    assert f"got {len(picked)} classes, the first of ('another', " in said
    assert f"begins with ('{one['roi_id'].iloc[0]}', 3, {one['label'].iloc[0]})" in said


def test_a_classifier_is_trained_judged_saved_and_applied(
    blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = read_table(blobs)
    picked = (
        table[["roi_id", "frame", "label"]].assign(**{"class": table["known"]}).sample(60, random_state=0)
    )
    picked.to_csv(tmp_path / "picked.csv", index=False)
    unknown = table.drop(columns=["known", "kind"])
    unknown.attrs = dict(table.attrs)
    write_table(unknown, tmp_path / "cells.csv")
    model, out = tmp_path / "model.segmotif", tmp_path / "classes.csv"
    given = ["--classes", tmp_path / "picked.csv", "--names", "1=one,2=two,3=three", "--suggest", 3]
    assert run("objects", "classify", tmp_path / "cells.csv", *given, "--save", model, "-o", out) == 0
    said = capsys.readouterr().out
    assert "better than chance" in said
    assert "worth a look next" in said
    found = read_table(out)
    assert (found["predicted_class"] == table["known"]).mean() > 0.95
    names = found["predicted_class"].map({1: "one", 2: "two", 3: "three"})
    assert (found["predicted_class_name"] == names).all()
    again = tmp_path / "again.csv"
    assert run("objects", "classify", tmp_path / "cells.csv", "--model", model, "-o", again) == 0
    pd.testing.assert_frame_equal(read_table(again), found, check_exact=True)


def test_a_recipe_with_a_classifier_measures_and_tells_the_classes(
    folders: Path, measured: Path, tmp_path: Path
) -> None:
    from napari_segmotif.batch.model_recipe import ModelReference
    from napari_segmotif.batch.object_recipe import ObjectDescription

    table = read_table(measured)
    big = np.where(table["area"] > table["area"].median(), 2, 1)
    classifier = ObjectClassifier(n_estimators=20).fit(table, big)
    model = classifier.save(tmp_path / "size.segmotif")
    recipe = ObjectDescription.load(measured.with_suffix(".recipe.json")).with_model(ModelReference.of(model))
    recipe.save(tmp_path / "recipe.json")
    out = tmp_path / "classes.parquet"
    given = [folders / "labels", "--intensity", folders / "images", "-o", out]
    assert run("run", tmp_path / "recipe.json", *given) == 0
    np.testing.assert_array_equal(read_table(out)["predicted_class"], classifier.predict(table))
    model.write_bytes(model.read_bytes() + b" ")
    assert run("run", tmp_path / "recipe.json", *given) == 1


def test_explain_says_what_is_different(
    blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features = [name for name in read_table(blobs).columns if name.startswith("feature")]
    out = tmp_path / "difference.csv"
    given = ["--group", "kind=kind 1", "--other", "known=2", "--columns", *features, "-o", out]
    assert run("objects", "explain", blobs, *given) == 0
    assert "differ most in feature" in capsys.readouterr().out
    assert set(pd.read_csv(out)["feature"]) == set(features)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["measure", "{labels}", "-o", "t.xlsx"], "endings .csv, .parquet, .h5ad"),
        (["measure", "{labels}", "-o", "t.csv", "--properties", "volume"], "volume"),
        (
            ["measure", "{labels}/n0_objects.tif", "--intensity", "{images}", "-o", "t.csv"],
            "needs its labels",
        ),
        (["embed", "nowhere.csv", "-o", "t.csv"], "exists"),
        (["cluster", "{blobs}", "--clusters", "200", "-o", "t.csv"], "200"),
        (
            ["cluster", "{blobs}", "--method", "hdbscan", "--clusters", "3", "-o", "t.csv"],
            "out --clusters",
        ),
        (["cluster", "{blobs}", "--method", "hdbscan", "--most", "3", "-o", "t.csv"], "out --most"),
        (["cluster", "{blobs}", "--method", "hdbscan", "--space", "pca", "-o", "t.csv"], "leave it out (got"),
        (["cluster", "{blobs}", "--space", "pca", "-o", "t.csv"], "add --clusters"),
        (["explain", "{blobs}", "--group", "kind"], "COLUMN=VALUE"),
        (["explain", "{blobs}", "--group", "kind=9"], "which no object has"),
        (["classify", "{blobs}", "--classes", "known"], "-o for classes"),
        (["classify", "{blobs}", "--classes", "nothing", "-o", "t.csv"], "column of the table or a file"),
        (["classify", "{blobs}", "--model", "none.segmotif", "-o", "t.csv"], "none.segmotif"),
    ],
)
def test_failures_are_one_line(
    folders: Path,
    blobs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"labels": folders / "labels", "images": folders / "images", "blobs": blobs}
    assert main(["objects", *(argument.format(**places) for argument in arguments)]) == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert words in said[-1]
    assert said[-1].startswith("segmotif: error:")
    assert not list(tmp_path.iterdir())


def test_folders_of_tables_and_classifiers_are_made(folders: Path, blobs: Path, tmp_path: Path) -> None:
    measured = tmp_path / "a/cells.parquet"
    assert run("objects", "measure", folders / "labels", "-o", measured, "--properties", "shape") == 0
    assert run("objects", "embed", measured, "-o", tmp_path / "b/map.csv") == 0
    assert run("objects", "cluster", blobs, "--clusters", "3", "-o", tmp_path / "c/clusters.csv") == 0
    assert run("objects", "explain", blobs, "--group", "known=1", "-o", tmp_path / "d/why.csv") == 0
    saved = ["--save", tmp_path / "e/kinds", "-o", tmp_path / "f/classes.csv", "--validate-by", "none"]
    assert run("objects", "classify", blobs, "--classes", "known", *saved) == 0
    for name in ("a/cells.recipe.json", "b/map.csv", "c/clusters.csv", "d/why.csv", "e/kinds.segmotif"):
        assert (tmp_path / name).is_file()
    assert len(read_table(tmp_path / "f/classes.csv")) == len(read_table(blobs))


@pytest.mark.parametrize(
    ("arguments", "slow"),
    [
        (["measure", "labels", "-o", "file/a.csv"], "napari_segmotif.batch.object_files.measure_job"),
        (
            ["embed", "blobs", "-o", "file/a.csv"],
            "napari_segmotif.explore.mapping.embedding.Embedding.fit_job",
        ),
        (
            ["cluster", "blobs", "--clusters", "3", "-o", "file/a.csv"],
            "napari_segmotif.explore.clusters.clustering.Clustering.fit_job",
        ),
        (
            ["explain", "blobs", "--group", "known=1", "-o", "file/a.csv"],
            "napari_segmotif.explore.explaining.explanation.explain_job",
        ),
        (
            ["classify", "blobs", "--classes", "known", "--save", "file/a.segmotif"],
            "napari_segmotif.explore.classifying.object_classifier.ObjectClassifier.fit_job",
        ),
    ],
)
def test_a_place_where_nothing_can_be_written_is_told_before_the_work(
    folders: Path,
    blobs: Path,
    tmp_path: Path,
    arguments: list[str],
    slow: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_bytes(b"x")
    monkeypatch.setattr(slow, lambda *_args, **_more: pytest.fail("it worked for nothing"))
    places = {"labels": folders / "labels", "blobs": blobs}
    given = [tmp_path / part if part.startswith("file/") else places.get(part, part) for part in arguments]
    assert run("objects", *given) == 1
    assert "its folder is a file" in capsys.readouterr().err
