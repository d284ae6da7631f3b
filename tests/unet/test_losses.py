"""Losses against closed forms; what is not annotated has no say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from napari_segmotif.unet.learning.torch_losses import TargetTensors, UNetLoss
from napari_segmotif.unet.parameters import UNetParameters
from napari_segmotif.unet.training_data.targets import Targets, class_targets, object_targets

BOUNDARY, OFFSETS = 1.0, 0.5  # shares of the parts in the sum


def tensors(targets: Targets) -> TargetTensors:
    return TargetTensors.of(targets, "cpu")


def loss_of(kind: str, raw: Any, classes: Any, weights: Any = None, **settings: Any) -> float:
    raw = torch.as_tensor(np.asarray(raw, np.float32))
    loss = UNetLoss(UNetParameters(class_loss=kind, **settings), raw.shape[1], 1.0, weights)
    return float(loss(raw, tensors(Targets(np.asarray(classes, np.int16)))))


# one patch of 1 × 4 pixels in two classes; the last pixel is ignored
LOGITS = np.array([[[[0.0, 1.0, -1.0, 9.0]], [[0.0, 0.0, 2.0, -9.0]]]], np.float32)
CLASSES = np.array([[[0, 0, 1, -1]]], np.int16)
WRONG = [1 / (1 + math.exp(m)) for m in (0.0, 1.0, 3.0)]  # probability of the wrong class: margins 0, 1, 3
ENTROPY = [-math.log(1 - w) for w in WRONG]


def soft_dice() -> float:
    foreground = [WRONG[0], WRONG[1], 1 - WRONG[2]]  # of class 1; truth is 0, 0, 1
    return 1 - (2 * foreground[2] + 1) / (sum(foreground) + 1 + 1)


def test_cross_entropy() -> None:
    assert loss_of("ce", LOGITS, CLASSES) == pytest.approx(sum(ENTROPY) / 3, rel=1e-5)


def test_dice_is_of_the_foreground_only() -> None:
    assert loss_of("dice", LOGITS, CLASSES) == pytest.approx(soft_dice(), rel=1e-5)


def test_dice_and_cross_entropy_add_up() -> None:
    assert loss_of("dice+ce", LOGITS, CLASSES) == pytest.approx(sum(ENTROPY) / 3 + soft_dice(), rel=1e-5)


def test_focal_loss_weighs_by_the_square_of_the_error() -> None:
    expected = sum(w**2 * e for w, e in zip(WRONG, ENTROPY, strict=True)) / 3
    assert loss_of("focal", LOGITS, CLASSES) == pytest.approx(expected, rel=1e-4)


def test_class_weights_multiply() -> None:
    weights = np.array([0.5, 4.0], np.float32)
    expected = (0.5 * (ENTROPY[0] + ENTROPY[1]) + 4 * ENTROPY[2]) / 3
    assert loss_of("ce", LOGITS, CLASSES, weights) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["dice+ce", "ce", "dice", "focal"])
def test_a_right_answer_costs_nothing_and_a_wrong_one_does(kind: str) -> None:
    classes = np.random.default_rng(0).integers(0, 3, (2, 6, 6)).astype(np.int16)
    sure = 60 * np.eye(3, dtype=np.float32)[classes].transpose(0, 3, 1, 2)
    assert loss_of(kind, sure, classes) < 1e-4
    assert loss_of(kind, sure, (classes + 1) % 3) > 0.5


@pytest.mark.parametrize("kind", ["dice+ce", "ce", "dice", "focal"])
@pytest.mark.parametrize("offsets", ["mae", "mse"])
def test_ignored_pixels_have_no_gradient_and_all_others_have(kind: str, offsets: str) -> None:
    labels = np.zeros((2, 12, 12), np.int32)
    labels[:, 2:6, 2:6], labels[:, 7:10, 3:9], labels[0, :, 10:], labels[1] = 3, 8, -1, -1
    rng = np.random.default_rng(1)
    raw = torch.from_numpy(rng.normal(size=(2, 5, 12, 12)).astype(np.float32)).requires_grad_()
    loss = UNetLoss(UNetParameters(class_loss=kind, offset_loss=offsets), 2, 3.0)
    loss(raw, tensors(object_targets(labels))).backward()
    assert raw.grad is not None
    steep = raw.grad.abs().numpy()
    ignored = np.broadcast_to(labels[:, None] == -1, raw.shape)
    assert not steep[ignored].any()
    known = labels != -1
    assert (steep[:, :2].sum(axis=1)[known] > 0).all()
    assert (steep[:, 2][known] > 0).all()
    np.testing.assert_array_equal(steep[:, 3:].sum(axis=1) > 0, labels > 0)


def test_strokes_teach_on_painted_pixels_only() -> None:
    labels = np.zeros((1, 6, 6), np.int32)
    labels[0, 1, 1:5], labels[0, 4, 1:5] = 1, 2
    raw = torch.zeros((1, 2, 6, 6), requires_grad=True)
    loss = UNetLoss(UNetParameters(), 2, 1.0)
    loss(raw, tensors(class_targets(labels, (1, 2), sparse=True))).backward()
    assert raw.grad is not None
    np.testing.assert_array_equal(raw.grad.abs().sum(dim=1).numpy() > 0, labels > 0)


@pytest.mark.parametrize("kind", ["dice+ce", "ce", "dice", "focal"])
def test_without_any_annotation_there_is_no_gradient_and_no_nan(kind: str) -> None:
    raw = torch.randn((1, 5, 6, 6), requires_grad=True)
    loss = UNetLoss(UNetParameters(class_loss=kind), 2, 1.0)
    value = loss(raw, tensors(object_targets(np.full((1, 6, 6), -1, np.int32))))
    value.backward()
    assert raw.grad is not None
    assert value.isfinite()
    assert not raw.grad.any()


@pytest.mark.parametrize(("kind", "power"), [("mae", 1), ("mse", 2)])
def test_offsets_are_counted_in_units_of_their_scale(kind: str, power: int) -> None:
    labels = np.zeros((1, 9, 9), np.int32)
    labels[0, 2:7, 2:7] = 1
    targets = object_targets(labels)
    assert targets.offsets is not None
    raw = np.zeros((1, 5, 9, 9), np.float32)
    raw[:, 3:] = targets.offsets / 4
    loss = UNetLoss(UNetParameters(offset_loss=kind), 2, 4.0)
    right = float(loss(torch.from_numpy(raw), tensors(targets)))
    raw[:, 3] += 0.6  # wrong by 2.4 pixels along Y only, everywhere
    wrong = float(loss(torch.from_numpy(raw), tensors(targets)))
    assert wrong - right == pytest.approx(OFFSETS * 0.6**power / 2, rel=1e-4)


def test_the_boundary_is_told_by_its_own_logit() -> None:
    labels = np.zeros((1, 9, 9), np.int32)
    labels[0, 2:7, 2:7] = 1
    targets = object_targets(labels)
    assert targets.boundary is not None
    edge = torch.from_numpy(targets.boundary.astype(np.float32))
    raw = torch.zeros((1, 5, 9, 9))
    loss = UNetLoss(UNetParameters(class_loss="ce"), 2, 1.0)
    unsure = float(loss(raw, tensors(targets)))
    raw[:, 2] = torch.linspace(-2, 2, 81).reshape(9, 9)
    expected = functional.binary_cross_entropy(torch.sigmoid(raw[:, 2]), edge)
    assert float(loss(raw, tensors(targets))) - unsure == pytest.approx(
        BOUNDARY * (float(expected) - math.log(2)), rel=1e-4
    )


def test_a_piece_of_the_targets_is_those_of_some_patches() -> None:
    whole = tensors(object_targets(np.random.default_rng(0).integers(0, 3, (4, 8, 8)).astype(np.int32)))
    piece = whole.piece(slice(1, 3))
    for name in ("classes", "boundary", "offsets", "whole"):
        assert torch.equal(getattr(piece, name), getattr(whole, name)[1:3]), name
