"""Images of all kinds, in and out: what is written is what the network says, and objects are whole."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import zarr
from scipy import ndimage as ndi
from small_networks import Threshold, model_of, noise, random_unet

from napari_segmotif.common.axes import ImageSource
from napari_segmotif.common.image_io import ImageWriter, open_image
from napari_segmotif.common.progress import CancelToken, Progress, run_job
from napari_segmotif.errors import InputError, JobCancelled
from napari_segmotif.unet.inference import prediction, torch_forward
from napari_segmotif.unet.inference.prediction import OUTPUTS, label_type, predict_iter
from napari_segmotif.unet.network.heads import Heads


def squares(shape: tuple[int, ...], step: int = 12, side: int = 7) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Bright squares in rows, 1 on 0; the last axes are Y and X."""
    inside = [(np.arange(n) % step) < side for n in shape[-2:]]
    return np.broadcast_to((inside[0][:, None] & inside[1]).astype(np.float32), shape).copy()


def predict(image: Any, axes: str, model: Any = None, **options: Any) -> Any:
    source = ImageSource.of(image, axes)
    return run_job(predict_iter(model or model_of(Threshold()), source, device="cpu", **options))


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction, "_BLOCK_2D", (32, 32))


def test_all_outputs_agree_with_each_other_and_the_image() -> None:
    image = squares((90, 101))
    found = predict(image, "YX", outputs=OUTPUTS)
    truth, n = ndi.label(image)
    np.testing.assert_array_equal(found.instances, truth)
    assert found.n_objects == n
    np.testing.assert_array_equal(found.labels, image)
    assert found.labels.dtype == np.uint8
    np.testing.assert_allclose(found.probabilities.sum(axis=0), 1, atol=1e-6)
    np.testing.assert_array_equal(found.probabilities.argmax(axis=0), found.labels)
    assert found.uncertainty.max() < 0.01  # every view says the same, without any doubt
    assert found.region == (slice(0, 90), slice(0, 101))


def test_only_what_was_asked_for() -> None:
    found = predict(squares((40, 40)), "YX", outputs=("probabilities",))
    assert found.labels is found.instances is found.uncertainty is None
    assert found.n_objects == 0


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("outputs", [("labels", "probabilities"), ("labels", "probabilities", "instances")])
def test_blocks_make_no_difference(outputs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, image = model_of(random_unet()), noise((100, 75))
    by_blocks = predict(image, "YX", model, outputs=outputs)
    monkeypatch.undo()
    at_once = predict(image, "YX", model, outputs=outputs)
    for name in outputs:
        np.testing.assert_allclose(getattr(by_blocks, name), getattr(at_once, name), atol=1e-6)


def test_frames_and_planes_are_numbered_on() -> None:
    image = squares((2, 3, 30, 40))
    found = predict(image, "TZYX", outputs=("instances", "labels"))
    assert found.n_objects == 2 * 3 * 3 * 4
    ids = np.unique(found.instances)
    np.testing.assert_array_equal(ids, np.arange(found.n_objects + 1))
    for frame in range(2):
        for plane in range(3):
            np.testing.assert_array_equal(found.instances[frame, plane] > 0, image[frame, plane] > 0)
    firsts = found.instances.reshape(6, -1)
    assert all(firsts[i].max() < firsts[i + 1][firsts[i + 1] > 0].min() for i in range(5))


def test_volumes_with_a_network_for_volumes() -> None:
    image = squares((2, 10, 24, 24))
    model = model_of(
        Threshold(3),
        heads=Heads((0, 1), True, 3),
        configuration=type("C", (), {"strides": ((2, 2, 2),) * 2, "patch": (8, 32, 32)}),
    )
    found = predict(image, "TZYX", model, outputs=("instances", "probabilities"))
    assert found.n_objects == 2 * 4  # columns through all of Z
    assert found.probabilities.shape == (2, 2, 10, 24, 24)
    np.testing.assert_array_equal(found.instances > 0, image > 0)


def test_a_region_has_the_values_of_the_whole() -> None:
    model, image = model_of(random_unet()), noise((3, 60, 50))
    whole = predict(image, "TYX", model, outputs=("labels", "probabilities", "uncertainty"))
    region = (slice(1, 3), slice(13, 44), slice(20, 50))
    part = predict(image, "TYX", model, outputs=("labels", "probabilities", "uncertainty"), region=region)
    np.testing.assert_array_equal(part.labels, whole.labels[region])
    for name in ("probabilities", "uncertainty"):
        expected = getattr(whole, name)[(..., *region)]
        np.testing.assert_allclose(getattr(part, name), expected, atol=1e-5)


def test_what_else_is_asked_for_changes_nothing() -> None:
    model, image = model_of(random_unet(dropout=0.4)), noise((40, 40))
    alone = predict(image, "YX", model, outputs=("probabilities",)).probabilities
    for method in ("flips", "dropout"):
        both = predict(image, "YX", model, outputs=("probabilities", "uncertainty"), uncertainty=method)
        np.testing.assert_array_equal(both.probabilities, alone)


def test_written_into_arrays_at_the_place_of_the_region() -> None:
    image = squares((2, 48, 48))
    out = {name: np.full((2, 48, 48), 9, np.int32) for name in ("labels", "instances")}
    out["probabilities"] = np.full((2, 2, 48, 48), 9, np.float32)
    region = (slice(1, 2), slice(10, 40), slice(5, 45))
    found = predict(image, "TYX", outputs=tuple(out), out=out, region=region)
    assert found.instances is out["instances"]
    np.testing.assert_array_equal(out["labels"][region], image[region])
    np.testing.assert_array_equal(out["instances"][region] > 0, image[region] > 0)
    np.testing.assert_array_equal(out["probabilities"][(slice(None), *region)].argmax(axis=0), image[region])
    outside = np.ones((2, 48, 48), bool)
    outside[region] = False
    assert (out["labels"][outside] == 9).all()
    assert (out["instances"][outside] == 9).all()


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", ["zarr", "dask"])
def test_lazy_in_and_zarr_out(kind: str, tmp_path: Path) -> None:
    image = squares((80, 70))
    lazy: Any = dask.array.from_array(image, chunks=(20, 30))
    if kind == "zarr":
        lazy = zarr.create_array(tmp_path / "in.zarr", shape=image.shape, chunks=(20, 30), dtype="f4")
        lazy[:] = image
    out = {
        "instances": zarr.create_array(tmp_path / "o.zarr", shape=image.shape, chunks=(32, 32), dtype="i4"),
        "labels": zarr.create_array(tmp_path / "l.zarr", shape=image.shape, chunks=(32, 32), dtype="u1"),
    }
    predict(lazy, "YX", outputs=("labels", "instances"), out=out)
    np.testing.assert_array_equal(out["instances"][:], ndi.label(image)[0])
    np.testing.assert_array_equal(out["labels"][:], image)


@pytest.mark.usefixtures("small_blocks")
def test_into_a_file_that_can_only_be_written(tmp_path: Path) -> None:
    image = squares((80, 70))
    with ImageWriter(tmp_path / "objects.tif", image.shape, "int32", axes="YX", labels=True) as writer:
        predict(image, "YX", outputs=("instances",), out={"instances": writer})
    with open_image(tmp_path / "objects.tif") as written:
        np.testing.assert_array_equal(np.asarray(written.array), ndi.label(image)[0])


def test_progress_goes_up_to_the_end() -> None:
    source = ImageSource.of(squares((2, 40, 40)), "TYX")
    seen: list[Progress] = []
    run_job(
        predict_iter(model_of(Threshold()), source, outputs=("labels", "instances"), device="cpu"),
        seen.append,
    )
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)


def test_classes_as_painted() -> None:
    heads = Heads((2, 300), False, 2)
    found = predict(squares((20, 20)), "YX", model_of(_OnlyClasses(), heads=heads))
    assert set(np.unique(found.labels)) == {2, 300}
    assert found.labels.dtype == np.uint16 == label_type((2, 300))
    assert label_type((1, 70_000)) == np.int32


class _OnlyClasses(Threshold):
    def forward(self, x: Any) -> Any:
        return super().forward(x)[:, :2]


def test_cancelled_at_once_and_from_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(JobCancelled):
        predict(squares((40, 40)), "YX", cancel=cancel)
    running, cancel = threading.Event(), CancelToken()
    activate = torch_forward.activate

    def slowly(*arguments: Any) -> Any:
        running.set()
        assert cancel._event.wait(5)
        return activate(*arguments)

    monkeypatch.setattr(torch_forward, "activate", slowly)
    caught: list[BaseException] = []

    def work() -> None:
        try:
            predict(squares((4, 20, 20)), "TYX", cancel=cancel)
        except JobCancelled as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert running.wait(5)
    cancel.cancel()
    thread.join(1)
    assert not thread.is_alive()
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"outputs": ()}, "outputs must be some of"),
        ({"outputs": ("masks",)}, "outputs must be some of"),
        ({"uncertainty": "luck"}, "uncertainty must be one of"),
        ({"outputs": ("uncertainty",), "n_samples": 1}, "2 or more"),
        ({"region": (slice(0, 0), slice(0, 5))}, "empty"),
        ({"region": (slice(0, 5),)}, "one slice for each"),
        ({"out": {"labels": np.zeros((3, 3), np.uint8)}}, "must have the shape"),
        ({"outputs": ("uncertainty",), "uncertainty": "dropout"}, "without dropout"),
    ],
)
def test_bad_input(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        predict(squares((20, 20)), "YX", **options)


def test_nan_in_the_image() -> None:
    image = squares((20, 20))
    image[3, 3] = np.nan
    with pytest.raises(InputError, match="not finite"):
        predict(image, "YX")
