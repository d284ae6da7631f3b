"""Training: to the same bits with and without a stop, the best weights kept whatever happens."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from training_cases import assert_same_model, discs, stopped_after, tiny, weights_of

from napari_segmotif import UNetSegmenter, simulate_nuclei_2d
from napari_segmotif.common.metrics import ClassificationScores
from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import (
    DeviceMemoryError,
    InputError,
    JobCancelled,
    ModelMismatchError,
    NotFittedError,
)
from napari_segmotif.unet.learning import training
from napari_segmotif.unet.learning.reports import EpochReport
from napari_segmotif.unet.learning.torch_training import Trainer, learning_rate_share
from napari_segmotif.unet.network.torch_network import UNet

IMAGES, LABELS = zip(*(discs(seed) for seed in range(3)), strict=True)
IMAGES, LABELS = list(IMAGES), list(LABELS)


@pytest.fixture(scope="module")
def whole() -> UNetSegmenter:
    """Trained without a stop."""
    return tiny().fit(IMAGES, LABELS)


# ------------------------------------------------------------------------------------------ stop and resume

# 3 epochs of 2 steps, a look at the validation crops and a report each: 4 messages an epoch
_MESSAGES = [1, 2, 3, 4, 5, 7, 8, 11]


@pytest.mark.parametrize("count", _MESSAGES)
def test_a_stop_anywhere_changes_nothing_in_the_end(whole: UNetSegmenter, count: int) -> None:
    stopped, seen = stopped_after(tiny(), count, IMAGES, LABELS)
    assert len(seen) <= count + 1  # a look at the last crops ends with the report of the epoch
    assert stopped.can_resume
    assert stopped.validation_ is None
    assert "Stopped in epoch" in stopped.stopped_
    run_job(stopped.resume_job())
    assert not stopped.can_resume
    assert stopped.stopped_ == ""
    assert_same_model(stopped, whole)


@pytest.mark.parametrize("count", [1, 3, 6])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_stop_and_a_file_in_between_change_nothing_either(
    tmp_path: Path, count: int, optimizer: str
) -> None:
    settings = {"optimizer": optimizer, "dropout": 0.3}
    stopped, _ = stopped_after(tiny(**settings), count, IMAGES, LABELS)
    path = stopped.save(tmp_path / "stopped")
    loaded = UNetSegmenter.load(path, device="cpu")
    assert loaded.can_resume
    run_job(loaded.resume_job(IMAGES, LABELS))
    assert not loaded.can_resume
    assert_same_model(loaded, tiny(**settings).fit(IMAGES, LABELS))


def test_a_stop_while_objects_are_counted_at_the_end(whole: UNetSegmenter) -> None:
    segmenter, stop = tiny(), CancelToken()
    run_job(
        segmenter.fit_job(IMAGES, LABELS, stop=stop),
        lambda p: stop.cancel() if p.message.startswith("validating") else None,
    )
    assert segmenter.can_resume
    assert len(segmenter.history_) == 3
    assert segmenter.validation_ is None
    messages: list[str] = []
    run_job(segmenter.resume_job(), lambda p: messages.append(p.message))
    assert not any("step" in message for message in messages)
    assert_same_model(segmenter, whole)


def test_what_was_stopped_can_be_judged_and_gone_on_with(whole: UNetSegmenter) -> None:
    stopped, _ = stopped_after(tiny(), 5, IMAGES, LABELS)
    assert stopped.can_judge
    run_job(stopped.judge_job())
    table = stopped.validation_
    assert table is not None
    assert table.objects is not None
    assert not stopped.can_judge
    assert "Stopped in epoch" in stopped.stopped_
    run_job(stopped.resume_job())
    assert_same_model(stopped, whole)
    with pytest.raises(NotFittedError, match="no training was stopped"):
        run_job(stopped.judge_job())


def test_judging_after_the_last_epoch_is_all_that_was_missing(whole: UNetSegmenter) -> None:
    segmenter, stop = tiny(), CancelToken()
    run_job(
        segmenter.fit_job(IMAGES, LABELS, stop=stop),
        lambda p: stop.cancel() if p.message.startswith("validating") else None,
    )
    run_job(segmenter.judge_job())
    assert not segmenter.can_resume
    assert_same_model(segmenter, whole)


def test_a_stop_before_the_first_step_leaves_nothing() -> None:
    segmenter, stop = tiny(), CancelToken()
    stop.cancel()
    with pytest.raises(JobCancelled):
        run_job(segmenter.fit_job(IMAGES, LABELS, stop=stop))
    assert not segmenter.can_resume


def test_only_the_very_same_data_can_be_gone_on_with(tmp_path: Path) -> None:
    stopped, _ = stopped_after(tiny(), 2, IMAGES, LABELS)
    loaded = UNetSegmenter.load(stopped.save(tmp_path / "stopped"), device="cpu")
    with pytest.raises(InputError, match=r"images and labels.*\(got none\)"):
        run_job(loaded.resume_job())
    other = [LABELS[0], LABELS[1], np.flip(LABELS[2], 0).copy()]
    with pytest.raises(ModelMismatchError, match=r"\(got"):
        run_job(loaded.resume_job(IMAGES, other))
    with pytest.raises(ModelMismatchError, match=r"\(got"):  # held-out images are data, too
        run_job(loaded.resume_job(IMAGES, LABELS, validation=(IMAGES[:1], LABELS[:1])))
    assert loaded.can_resume


def test_a_stopped_fine_tuning_goes_on_from_a_file(whole: UNetSegmenter, tmp_path: Path) -> None:
    def begin() -> UNetSegmenter:
        return UNetSegmenter.of(whole.model_, "cpu")

    large = [np.kron(image, np.ones((2, 2), np.float32)) for image in IMAGES]
    larger = [np.kron(labels, np.ones((2, 2), np.int32)) for labels in LABELS]
    straight = begin()
    run_job(straight.fine_tune_job(large, larger))
    stop, stopped = CancelToken(), begin()
    run_job(
        stopped.fine_tune_job(large, larger, stop=stop),
        lambda p: stop.cancel() if "step 1" in p.message else None,
    )
    loaded = UNetSegmenter.load(stopped.save(tmp_path / "stopped"), device="cpu")
    run_job(loaded.resume_job(large, larger))
    assert_same_model(loaded, straight)


@pytest.mark.parametrize("at", ["reading", "step 2", "epoch 2", "validating"])
def test_cancel_leaves_the_old_model_untouched(at: str) -> None:
    segmenter = tiny(n_epochs=2).fit(IMAGES, LABELS)
    model, before = segmenter.model_, weights_of(segmenter)
    for begin in (segmenter.fit_job, segmenter.fine_tune_job):
        cancel = CancelToken()
        with pytest.raises(JobCancelled):
            run_job(
                begin(IMAGES, LABELS, cancel=cancel),
                lambda p, cancel=cancel: (
                    cancel.cancel() if p.message.startswith(at) or at in p.message else 0
                ),
            )
        assert segmenter.model_ is model
        assert not segmenter.can_resume
        np.testing.assert_equal(weights_of(segmenter), before)


def test_a_cancelled_resume_can_be_resumed(whole: UNetSegmenter) -> None:
    segmenter, _ = stopped_after(tiny(), 2, IMAGES, LABELS)
    model, cancel = segmenter.model_, CancelToken()
    with pytest.raises(JobCancelled):
        run_job(segmenter.resume_job(cancel=cancel), lambda p: cancel.cancel())
    assert segmenter.model_ is model
    assert segmenter.can_resume
    run_job(segmenter.resume_job())
    assert_same_model(segmenter, whole)


# -------------------------------------------------------------------------------------------------- seeds


def test_the_seed_says_it_all(whole: UNetSegmenter) -> None:
    torch.manual_seed(99)
    assert_same_model(tiny().fit(IMAGES, LABELS), whole)
    other = weights_of(tiny(random_state=1).fit(IMAGES, LABELS))
    assert not np.array_equal(other["head.weight"], weights_of(whole)["head.weight"])


def test_reports_come_after_every_epoch_and_say_where_they_looked() -> None:
    reports = list(tiny().fit_iter(IMAGES, LABELS))
    assert [r.epoch for r in reports] == [1, 2, 3]
    assert all(isinstance(r, EpochReport) for r in reports)
    for report in reports:
        assert report.done == report.epoch
        assert report.total == report.n_epochs == 3
        assert math.isfinite(report.train_loss)
        assert math.isfinite(report.validation_loss)
        assert 0 <= report.validation_dice <= 1
        assert 0 <= report.validation_ap <= 1
        shown = report.example
        assert shown is not None
        assert not shown.apart
        np.testing.assert_array_equal(shown.truth, LABELS[shown.image_index][shown.region])
        assert shown.image.shape == (1, *shown.truth.shape)
        assert shown.instances.shape == shown.foreground.shape == shown.classes.shape == shown.truth.shape


# ---------------------------------------------------------------------------------------------- early ends


def faked_loss(monkeypatch: pytest.MonkeyPatch, bad_step: int) -> None:
    step = Trainer.step
    monkeypatch.setattr(
        Trainer, "step", lambda self, plan: math.nan if plan.step == bad_step else step(self, plan)
    )


def test_a_loss_that_is_no_number_stops_and_keeps_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = tiny(n_epochs=3).fit_iter(IMAGES, LABELS)
    next(expected)
    expected.close()
    faked_loss(monkeypatch, bad_step=3)
    segmenter = tiny().fit(IMAGES, LABELS)
    assert len(segmenter.history_) == 1
    assert "no longer a number in epoch 2" in segmenter.stopped_
    assert "smaller learning rate" in segmenter.stopped_
    assert segmenter.validation_ is not None
    assert not segmenter.can_resume
    stop = CancelToken()
    monkeypatch.undo()
    straight = tiny()
    run_job(
        straight.fit_job(IMAGES, LABELS, stop=stop),
        lambda p: stop.cancel() if isinstance(p, EpochReport) else None,
    )
    np.testing.assert_equal(weights_of(segmenter), weights_of(straight))


def test_a_loss_that_is_no_number_at_once_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    faked_loss(monkeypatch, bad_step=0)
    segmenter = tiny()
    with pytest.raises(InputError, match=r"smaller learning rate \(got 0.003\)"):
        segmenter.fit(IMAGES, LABELS)
    assert not segmenter.can_resume


def test_a_bad_gradient_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    forward, seen = UNet.forward, {}

    def poisoned(self: UNet, x: torch.Tensor) -> torch.Tensor:
        raw = forward(self, x)
        if self.training:
            seen["before"] = {k: v.clone() for k, v in self.state_dict().items() if "weight" in k}
            seen["network"] = self
        return raw * (math.nan if self.training and len(seen) and seen.setdefault("n", 0) == 0 else 1.0)

    monkeypatch.setattr(UNet, "forward", poisoned)
    with pytest.raises(InputError, match="no longer a number"):
        tiny().fit(IMAGES, LABELS)
    for name, value in seen["network"].state_dict().items():
        assert value.isfinite().all(), name
        if name in seen["before"]:
            assert torch.equal(value, seen["before"][name]), name
        elif "running_mean" in name:
            assert not value.any(), name  # as it was before the first step


def scores(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    """Let the validation Dice of a semantic training be these, epoch by epoch."""
    given = iter(values)

    def dice(self: Any) -> float:
        if not hasattr(self, "said"):
            self.said = next(given, math.nan)
        return float(self.said)

    monkeypatch.setattr(training.PixelCount, "dice", property(dice))


SEMANTIC = [(labels > 0).astype(np.uint8) for labels in LABELS]


@pytest.mark.parametrize(
    ("values", "best", "made"),
    [
        ([0.3, 0.5, 0.4, 0.45, 0.9], 2, 4),
        ([0.5, 0.5, 0.5, 0.9], 3, 3),  # as good is not better, though the later weights are kept
        ([math.nan, math.nan, 0.5], 2, 2),
    ],
)
def test_patience(monkeypatch: pytest.MonkeyPatch, values: list[float], best: int, made: int) -> None:
    scores(monkeypatch, values)
    reports = list(tiny(n_epochs=9, patience=2).fit_iter(IMAGES, SEMANTIC, "semantic"))
    assert len(reports) == made
    assert max(r.epoch for r in reports if r.is_best) == best


def test_patience_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    scores(monkeypatch, [0.5, 0.4, 0.3, 0.2])
    segmenter = tiny(n_epochs=9, patience=2).fit(IMAGES, SEMANTIC, "semantic")
    assert "after 3 of 9 epochs" in segmenter.stopped_
    assert "2 were no better" in segmenter.stopped_


def test_a_time_limit_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: now[0]))
    step = Trainer.step

    def slow(self: Trainer, plan: Any) -> float:
        now[0] += 1.0
        return step(self, plan)

    monkeypatch.setattr(Trainer, "step", slow)
    segmenter = tiny(n_epochs=1000, steps_per_epoch=1000, max_minutes=0.5)
    reports = list(segmenter.fit_iter(IMAGES, LABELS))
    assert 25 <= now[0] <= 30  # seconds; some are kept for the choice of the decoder
    assert len(reports) > 5  # an epoch is cut short so that there is something to see
    assert reports[-1].n_epochs == len(reports)
    assert reports[-1].learning_rate < 0.1 * reports[0].learning_rate  # the schedule follows the clock
    assert "time limit of 0.5 minutes" in segmenter.stopped_
    assert not segmenter.can_resume


def test_schedules_fall_from_one_to_a_hundredth() -> None:
    for schedule in ("cosine", "poly"):
        shares = [learning_rate_share(p, schedule) for p in np.linspace(0, 1, 11)]
        assert shares[0] == pytest.approx(1)
        assert shares[-1] == pytest.approx(0.01)
        assert shares == sorted(shares, reverse=True)
    assert learning_rate_share(0.5, "cosine") == pytest.approx(0.505)
    assert learning_rate_share(0.5, "poly") == pytest.approx(0.01 + 0.99 * 0.5**0.9)
    assert learning_rate_share(0.7, "constant") == 1


# ------------------------------------------------------------------------------------------------- memory


def out_of_memory(monkeypatch: pytest.MonkeyPatch, allowed: int, *, training_only: bool = False) -> list[int]:
    """Let the network fail on more than so many patches at once; returns the sizes it was asked for."""
    forward, asked = UNet.forward, []

    def limited(self: UNet, x: torch.Tensor) -> torch.Tensor:
        if training_only and not self.training:
            return forward(self, x)
        asked.append(len(x))
        raw = forward(self, x)
        if len(x) > allowed:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return raw

    monkeypatch.setattr(UNet, "forward", limited)
    return asked


@pytest.mark.parametrize(("allowed", "rungs"), [(4, 1), (2, 2), (1, 3)])
def test_each_step_down_of_memory_is_told_once_and_training_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, allowed: int, rungs: int
) -> None:
    asked = out_of_memory(monkeypatch, allowed, training_only=True)
    with caplog.at_level(logging.WARNING, "napari_segmotif"):
        segmenter = tiny(batch_size=8).fit(IMAGES, LABELS)
    told = [record.message for record in caplog.records if "pieces" in record.message]
    assert told == [
        f"the memory does not suffice: batches are cut into {2**n} pieces; the result changes a little"
        for n in range(1, rungs + 1)
    ]
    assert [message for message in segmenter.messages_ if "pieces" in message] == told
    assert [size for size in asked if size > allowed] == [8, 4, 2][:rungs]
    assert len(segmenter.history_) == 3
    assert segmenter.stopped_ == ""


def test_memory_that_ends_in_validation_is_no_end_either(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate, forward = Trainer.evaluate, UNet.forward
    inside = [False]

    def flagged(self: Trainer, *arguments: Any) -> Any:
        inside[0] = True
        try:
            return evaluate(self, *arguments)
        finally:
            inside[0] = False

    def limited(self: UNet, x: torch.Tensor) -> torch.Tensor:
        if inside[0] and len(x) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, x)

    monkeypatch.setattr(Trainer, "evaluate", flagged)
    monkeypatch.setattr(UNet, "forward", limited)
    assert len(tiny(steps_per_epoch=6).fit(IMAGES, LABELS).history_) == 3


def test_too_little_memory_for_one_patch_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    out_of_memory(monkeypatch, 0)
    segmenter = tiny()
    with pytest.raises(DeviceMemoryError, match=r"\(got"):
        segmenter.fit(IMAGES, LABELS)
    assert not segmenter.can_resume


def test_other_errors_of_the_network_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: UNet, x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("something else")

    monkeypatch.setattr(UNet, "forward", broken)
    with pytest.raises(RuntimeError, match="something else"):
        tiny().fit(IMAGES, LABELS)


def test_pieces_of_a_batch_learn_as_the_whole_where_no_part_looks_at_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Instance normalisation and cross-entropy of whole patches know nothing of the other patches."""
    settings: dict[str, Any] = {
        "normalization": "instance",
        "class_loss": "ce",
        "batch_size": 4,
        "n_epochs": 1,
        # every pixel counts in every patch, so that the mean of means is the mean
        "rotation": 0,
        "scaling": 0,
        "elastic": 0,
    }
    images, labels = [image[:32, :32] for image in IMAGES], [a[:32, :32] for a in SEMANTIC]
    straight = tiny(**settings).fit(images, labels, "semantic")
    out_of_memory(monkeypatch, 1, training_only=True)
    pieces = tiny(**settings).fit(images, labels, "semantic")
    for name, value in weights_of(straight).items():
        np.testing.assert_allclose(weights_of(pieces)[name], value, atol=2e-4, err_msg=name)


# ---------------------------------------------------------------------------------------------- it learns


def test_the_loss_falls() -> None:
    reports = list(tiny(n_epochs=5, steps_per_epoch=8, learning_rate=0.01).fit_iter(IMAGES, LABELS))
    assert reports[-1].train_loss < 0.9 * reports[0].train_loss


@pytest.mark.slow
def test_an_easy_image_is_learned() -> None:
    sample = simulate_nuclei_2d((192, 192), n_nuclei=18, photons=2000)
    other = simulate_nuclei_2d((192, 192), n_nuclei=18, photons=2000, random_state=5)
    settings = {"width": 8, "depth": 2, "patch_size": 64, "steps_per_epoch": 30, "n_epochs": 6}
    unet = tiny(**settings, batch_size=4, learning_rate=0.01).fit(sample.image, sample.labels)
    found = unet.predict(other.image)
    truth = (other.labels > 0).astype(np.int64)
    confusion = np.bincount(2 * truth.ravel() + found.ravel(), minlength=4).reshape(2, 2)
    assert ClassificationScores.from_confusion(confusion, (0, 1)).f1[1] > 0.8


# ------------------------------------------------------------------------------------------- fine-tuning


def test_fine_tuning_begins_where_the_model_stands(whole: UNetSegmenter) -> None:
    tuned = UNetSegmenter.of(whole.model_, "cpu")
    tuned.parameters = tuned.parameters.model_copy(update={"learning_rate": 1e-9, "n_epochs": 1})
    run_job(tuned.fine_tune_job(IMAGES, LABELS))
    for name, value in weights_of(tuned).items():
        if "running" not in name and "num_batches" not in name:
            np.testing.assert_allclose(value, weights_of(whole)[name], atol=1e-6, err_msg=name)


def test_fine_tuning_for_other_classes_keeps_all_but_the_last_layer(whole: UNetSegmenter) -> None:
    before = weights_of(whole)
    tuned = UNetSegmenter.of(whole.model_, "cpu")
    tuned.parameters = tuned.parameters.model_copy(update={"learning_rate": 1e-9, "n_epochs": 1})
    classes = [np.where(labels % 2, 3, 0) + np.where(labels > 4, 4, 0) for labels in LABELS]
    run_job(tuned.fine_tune_job(IMAGES, classes, "semantic"))
    assert tuned.classes_.tolist() == [0, 3, 4, 7]
    assert tuned.annotation_ == "semantic"
    after = weights_of(tuned)
    assert after["head.weight"].shape[0] == 4
    np.testing.assert_allclose(after["down.0.conv1.weight"], before["down.0.conv1.weight"], atol=1e-6)
    np.testing.assert_equal(weights_of(whole), before)


@pytest.mark.parametrize(
    ("change", "data"),
    [
        (lambda s: s, ([np.stack([i, i]) for i in IMAGES], LABELS, "instances", "CYX")),
        (lambda s: s.model_copy(update={"normalization": "instance"}), (IMAGES, LABELS)),
        (lambda s: s.model_copy(update={"residual": True}), (IMAGES, LABELS)),
    ],
)
def test_fine_tuning_of_what_does_not_fit_is_refused(
    whole: UNetSegmenter, change: Callable[[Any], Any], data: tuple[Any, ...]
) -> None:
    tuned = UNetSegmenter.of(whole.model_, "cpu")
    tuned.parameters = change(tuned.parameters)
    with pytest.raises(ModelMismatchError, match=r"\(got"):
        run_job(tuned.fine_tune_job(*data))
    assert tuned.model_ is whole.model_
