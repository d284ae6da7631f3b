from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_segmotif.common.object_metrics import IOU_THRESHOLDS, ObjectScores
from napari_segmotif.common.progress import CancelToken, Progress, run_job
from napari_segmotif.errors import AnnotationError, InputError, JobCancelled
from napari_segmotif.unet.learning import learning_curve
from napari_segmotif.unet.learning.learning_curve import CurvePoint, LearningCurve, judge, learning_curve_job
from napari_segmotif.unet.parameters import UNetParameters


def scores(hits: int, misses: int) -> ObjectScores:
    n = len(IOU_THRESHOLDS)
    return ObjectScores(IOU_THRESHOLDS, (hits,) * n, (0,) * n, (misses,) * n)


@dataclass
class FakeSegmenter:
    """Finds one object more for every image that it is trained on; remembers what it was given."""

    parameters: UNetParameters
    trained: list[FakeSegmenter]
    images: list[Any] = field(default_factory=list)
    labels: list[Any] = field(default_factory=list)
    held_out: list[Any] = field(default_factory=list)
    annotation: str = ""

    def fit_job(self, images: Any, labels: Any, annotation: str, **options: Any) -> Iterator[Progress]:
        self.images, self.labels, self.annotation = list(images), list(labels), annotation
        self.held_out = list(options["validation"][0])
        assert len(options["validation"][1]) == len(self.held_out)
        if all(np.all(each == 0) for each in labels):
            raise AnnotationError("nothing is annotated (got 0 objects)")
        for step in range(4):
            if options["cancel"] is not None:
                options["cancel"].raise_if_cancelled()
            yield Progress(step, 4, f"step {step}")
        self.trained.append(self)
        return self

    @property
    def configuration_(self) -> Any:
        return SimpleNamespace(depth=3, patch=(64, 96), batch_size=5, steps_per_epoch=10 * len(self.images))

    @property
    def history_(self) -> tuple[int, ...]:
        return (0,) * 7

    @property
    def classes_(self) -> Any:
        return np.unique([0, *(int(each.max()) for each in self.labels)])

    @property
    def validation_(self) -> Any:
        each = tuple(scores(len(self.images), 10) for _ in self.held_out)
        objects = sum(each, start=ObjectScores.empty()) if self.annotation == "instances" else None
        dice = len(self.images) / 10
        return SimpleNamespace(objects=objects, objects_per_sample=each if objects else (), dice=dice)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[FakeSegmenter]:
    """Every training that took place, in this order."""
    trainings: list[FakeSegmenter] = []
    monkeypatch.setattr(learning_curve, "_new_segmenter", lambda p: FakeSegmenter(p, trainings))
    return trainings


def data(n: int) -> tuple[list[Any], list[Any]]:
    """Images that say their own number, and labels with one object each."""
    return [np.full((8, 8), i, np.float32) for i in range(n)], [np.ones((8, 8), np.int32) for _ in range(n)]


def numbers(images: list[Any]) -> list[int]:
    return [int(image[0, 0]) for image in images]


def test_every_point_is_of_so_many_images_and_judged_on_the_same_others(trained: list[FakeSegmenter]) -> None:
    images, labels = data(10)
    curve = run_job(learning_curve_job(UNetParameters(validation_share=0.2), images, labels))
    assert [point.n_images for point in curve.points] == [1, 2, 4, 8]
    # k hits of k + 10 objects: what the double finds, image by image and all together
    assert [point.score for point in curve.points] == pytest.approx([k / (k + 10) for k in (1, 2, 4, 8)])
    assert all(len(point.by_sample) == 2 for point in curve.points)
    judged = {tuple(numbers(each.held_out)) for each in trained}
    assert judged == {curve.held_out}
    for each in trained:
        assert not set(numbers(each.images)) & set(curve.held_out)
    assert curve.measure == "mean AP"
    assert curve.as_rows()[-1] == {"n_images": 8, "score": pytest.approx(8 / 18)}


def test_smaller_sets_are_parts_of_larger_ones_and_trained_as_long(trained: list[FakeSegmenter]) -> None:
    images, labels = data(10)
    run_job(learning_curve_job(UNetParameters(max_minutes=8.0, width=16), images, labels))
    by_size = sorted(trained, key=lambda each: len(each.images))
    for small, large in pairwise(by_size):
        assert set(numbers(small.images)) < set(numbers(large.images))
    largest, others = by_size[-1], by_size[:-1]
    assert trained[0] is largest
    assert largest.parameters.steps_per_epoch is None
    for each in others:
        assert each.parameters.steps_per_epoch == 10 * len(largest.images)
        assert each.parameters.n_epochs == len(largest.history_)
        assert (each.parameters.depth, each.parameters.patch_size, each.parameters.batch_size) == (3, 96, 5)
    assert {each.parameters.max_minutes for each in trained} == {8.0 / len(trained)}
    assert {each.parameters.width for each in trained} == {16}


def test_dice_is_told_where_there_are_no_objects(trained: list[FakeSegmenter]) -> None:
    images, labels = data(5)
    curve = run_job(
        learning_curve_job(UNetParameters(), images, labels, "scribbles", "YX", None, sizes=(2, 3))
    )
    assert curve.measure == "Dice"
    assert [(point.n_images, point.score) for point in curve.points] == [(2, 0.2), (3, 0.3)]


def test_the_curve_grows_while_it_is_made(trained: list[FakeSegmenter]) -> None:
    images, labels = data(6)
    told = []
    curve = run_job(learning_curve_job(UNetParameters(), images, labels, sizes=[1, 3]), told.append)
    fractions = [progress.fraction for progress in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    partial = [progress.partial for progress in told if progress.partial is not None]
    assert [len(each.points) for each in partial] == [1, 2]
    assert isinstance(partial[0], LearningCurve)
    assert not partial[0].verdict
    assert partial[-1] == curve
    assert curve.verdict


def test_the_same_seed_holds_out_the_same_images(trained: list[FakeSegmenter]) -> None:
    images, labels = data(12)
    first, again, other = (
        run_job(learning_curve_job(UNetParameters(random_state=seed), images, labels, sizes=[1, 2])).held_out
        for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other


def test_an_image_that_teaches_nothing_is_left_out_and_said(
    trained: list[FakeSegmenter],
) -> None:
    images, labels = data(6)
    parameters = UNetParameters()
    run_job(learning_curve_job(parameters, images, labels, sizes=[1]))
    labels[numbers(trained[-1].images)[0]][:] = 0
    curve = run_job(learning_curve_job(parameters, images, labels, sizes=[1, 3]))
    assert [point.n_images for point in curve.points] == [3]
    assert "1 image was left out" in curve.messages[0]
    assert "nothing is annotated" in curve.messages[0]


def test_a_set_without_every_class_is_left_out_and_said(trained: list[FakeSegmenter]) -> None:
    images, labels = data(6)
    parameters = UNetParameters()
    run_job(learning_curve_job(parameters, images, labels, "semantic", sizes=[3]))
    labels[numbers(trained[-1].images)[-1]][:] = 2
    curve = run_job(learning_curve_job(parameters, images, labels, "semantic", sizes=[1, 3]))
    assert [point.n_images for point in curve.points] == [3]
    assert "not every class" in curve.messages[0]


def test_nothing_to_learn_from_at_all_is_an_error(trained: list[FakeSegmenter]) -> None:
    images, labels = data(4)
    with pytest.raises(AnnotationError, match="nothing is annotated"):
        run_job(learning_curve_job(UNetParameters(), images, [0 * each for each in labels]))


def test_cancelling_ends_it(trained: list[FakeSegmenter]) -> None:
    images, labels = data(6)
    cancel = CancelToken()
    job = learning_curve_job(UNetParameters(), images, labels, cancel=cancel)
    for progress in job:
        if progress.partial is not None:
            break
    cancel.cancel()
    with pytest.raises(JobCancelled):
        next(job)
    assert len(trained) == 1


@pytest.mark.parametrize(
    ("n_images", "n_labels", "sizes", "message"),
    [
        (2, 2, None, r"at least 3 annotated images.*\(got 2\)"),
        (4, 3, None, r"every image needs its labels.*\(got 4 images and 3 labels\)"),
        (5, 5, [0, 2], r"between 1 and 4.*\(got \[0, 2\]\)"),
        (5, 5, [5], r"between 1 and 4.*\(got \[5\]\)"),
        (5, 5, [], r"between 1 and 4.*\(got \[\]\)"),
    ],
)
def test_too_little_is_refused_in_words(
    n_images: int, n_labels: int, sizes: list[int] | None, message: str, trained: list[FakeSegmenter]
) -> None:
    images, labels = data(n_images)
    with pytest.raises(InputError, match=message):
        run_job(learning_curve_job(UNetParameters(), images, labels[:n_labels], sizes=sizes))
    assert not trained


def test_one_image_by_itself_is_refused(trained: list[FakeSegmenter]) -> None:
    image = np.zeros((8, 8))
    with pytest.raises(InputError, match=r"needs a list.*\(got ndarray and ndarray\)"):
        run_job(learning_curve_job(UNetParameters(), image, image))  # type: ignore[arg-type]


# -------------------------------------------------------------------------------------------------- verdict


def points(*scores_by_image: tuple[int, tuple[float, ...]]) -> list[CurvePoint]:
    return [CurvePoint(n, float(np.mean(each)), each) for n, each in scores_by_image]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ((0.50, 0.60, 0.55, 0.52), (0.60, 0.70, 0.66, 0.62), "likely to help"),
        ((0.70, 0.71, 0.69, 0.70), (0.70, 0.71, 0.70, 0.70), "hardly help"),
        ((0.70, 0.71, 0.69, 0.70), (0.60, 0.61, 0.60, 0.60), "fell"),
        ((0.20, 0.90, 0.30, 0.80), (0.70, 0.40, 0.80, 0.50), "may be chance"),
    ],
)
def test_the_verdict_follows_the_last_doubling(
    before: tuple[float, ...], after: tuple[float, ...], said: str
) -> None:
    # What one image brought in the beginning is no matter.
    assert said in judge(points((1, (0.0,) * 4), (4, before), (8, after)), "mean AP")


def test_a_gain_is_compared_with_half_as_many_not_with_the_point_before() -> None:
    verdict = judge(points((4, (0.5,) * 4), (7, (0.7,) * 4), (8, (0.7,) * 4)), "mean AP")
    assert "from 0.50 with 4 images to 0.70 with 8" in verdict
    assert "likely to help" in verdict


def test_networks_that_learned_nothing_say_nothing_of_images() -> None:
    verdict = judge(points((1, (0.03,) * 4), (2, (0.04,) * 4)), "mean AP")
    assert "train for longer" in verdict
    assert "help" not in verdict.replace("whether more would help", "")


@pytest.mark.parametrize(("gain", "said"), [(0.04, "may be chance"), (0.06, "likely to help")])
def test_one_image_that_judges_leaves_more_to_chance(gain: float, said: str) -> None:
    assert said in judge(points((1, (0.6,)), (2, (0.6 + gain,))), "mean AP")


def test_without_two_points_nothing_is_said() -> None:
    assert judge([], "Dice") == ""
    assert judge([CurvePoint(3, 0.5)], "Dice") == ""


def test_images_that_cannot_be_judged_do_not_count() -> None:
    before, after = (0.5, 0.5, 0.5, math.nan), (0.6, 0.6, 0.6, math.nan)
    curve = [CurvePoint(1, 0.5, before), CurvePoint(2, 0.6, after)]
    assert "likely to help" in judge(curve, "mean AP")


def test_real_networks_give_a_curve() -> None:
    squares = np.kron(np.arange(16).reshape(4, 4) % 2, np.ones((8, 8), int))
    labels = [(np.arange(1, 17).reshape(4, 4).repeat(8, 0).repeat(8, 1) * squares).astype(np.int32)] * 3
    images = [each.astype(np.float32) + i for i, each in enumerate(labels)]
    parameters = UNetParameters(
        width=4, depth=1, n_epochs=1, steps_per_epoch=1, batch_size=1, patch_size=32, device="cpu"
    )
    curve = run_job(learning_curve_job(parameters, images, labels))
    assert [point.n_images for point in curve.points] == [1, 2]
    assert all(0 <= point.score <= 1 and len(point.by_sample) == 1 for point in curve.points)
    assert "mean AP" in curve.verdict
