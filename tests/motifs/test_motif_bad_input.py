"""Videos and settings that cannot work: each is refused, or said to hold nothing, in words that help."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_segmotif.common.axes import ImageSource
from napari_segmotif.errors import AxesError, InputError
from napari_segmotif.motifs.lemonade import LeMoNADe
from napari_segmotif.motifs.results.similarity import motif_similarity
from napari_segmotif.motifs.simulating.simulation import SimulatedVideo, simulate_video

Settings = dict[str, Any]


def moving(shape: tuple[int, ...] = (60, 16, 16)) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(10, 1, shape).astype(np.float32)


def refused(video: Any, message: str, axes: str | None = None, **settings: Any) -> None:
    """The video is refused with this message, which ends with what was got; the model stays new."""
    model = LeMoNADe(motif_length=10, **settings)
    with pytest.raises(InputError, match=message) as raised:
        model.fit(video, axes)
    assert str(raised.value).rstrip().endswith(")")
    assert "(got " in str(raised.value)
    assert set(vars(model)) == {"parameters"}


# --------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_motifs": 0}, "n_motifs.*1.*got 0"),
        ({"n_motifs": -2}, "n_motifs.*got -2"),
        ({"n_motifs": 1.5}, "n_motifs.*got 1.5"),
        ({"motif_length": 1}, "motif_length.*2.*got 1"),
        ({"frame_rate": 0}, "frame_rate.*got 0"),
        ({"frame_rate": float("nan")}, "frame_rate.*got nan"),
        ({"n_restarts": 0}, "n_restarts.*got 0"),
        ({"n_surrogates": 5}, "n_surrogates.*19.*got 5"),
        ({"prior_activation": 0.0}, "prior_activation.*got 0"),
        ({"prior_activation": 1.0}, "prior_activation.*got 1"),
        ({"significance_level": 2}, "significance_level.*got 2"),
        ({"normalization": "percent"}, "normalization.*'subtract' or 'dff'.*percent"),
        ({"motion": "elastic"}, "motion.*'none' or 'rigid'.*elastic"),
        ({"init": "luck"}, "init.*'sparse_coding' or 'random'.*luck"),
        ({"cell_size": 0}, "cell_size.*got 0"),
        ({"n_motif": 3}, "n_motif"),
    ],
)
def test_settings_out_of_bounds_are_refused(settings: Settings, message: str) -> None:
    with pytest.raises(InputError, match=f"(?s){message}"):
        LeMoNADe(**settings)


# ----------------------------------------------------------------------------------------------- videos


@pytest.mark.parametrize("n_frames", [2, 9, 10])
def test_a_video_no_longer_than_a_motif(n_frames: int) -> None:
    refused(
        moving((n_frames, 16, 16)),
        rf"longer than a motif.*got {n_frames} frames and a motif length of 10 frames",
    )


@pytest.mark.parametrize("value", [0, 7.5])
def test_a_constant_video(value: float) -> None:
    refused(np.full((60, 16, 16), value, np.float32), f"same brightness.*got {value:g} throughout")


def test_the_same_picture_in_every_frame() -> None:
    refused(np.repeat(moving((1, 16, 16)), 60, axis=0), "nothing changes from frame to frame.*got 60 times")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(value: float) -> None:
    video = moving()
    video[37, 3, 4:6] = value
    refused(video, r"not finite.*numpy\.nan_to_num.*got 2 of them in frame 37")


def test_one_frame() -> None:
    refused(moving((1, 16, 16)), "this is one frame")
    refused(moving((16, 16)), "this is a single picture or less")
    refused(ImageSource(moving((16, 16)), "YX"), "this is one frame")


def test_an_empty_video() -> None:
    refused(np.zeros((0, 16, 16), np.float32), "the video is empty")


def test_colours() -> None:
    refused(moving((32, 24, 3)), "picture in colours")
    refused(moving((60, 16, 16, 3)), "pick one channel.*got 3 channels", "TYXC")
    with pytest.raises(AxesError):
        LeMoNADe(motif_length=10).fit(moving((60, 16, 16, 3)))


def test_a_volume() -> None:
    refused(moving((60, 5, 16, 16)), "pick a plane.*got 5 planes", "TZYX")
    refused(moving((60, 5, 16, 16)), "one plane and one channel.*pick them")


def test_what_is_no_number() -> None:
    refused(np.ones((60, 16, 16), complex), "integers or real numbers")
    refused(np.full((60, 16, 16), "a"), "integers or real numbers")


def test_axes_that_do_not_fit() -> None:
    refused(moving(), "one letter per dimension", "TZYX")


def test_relative_changes_of_a_negative_baseline() -> None:
    refused(
        moving() - 30,
        "baseline, which must be positive: take 'subtract'.*got a baseline of -",
        normalization="dff",
    )


def test_a_refused_video_leaves_an_earlier_fit(found: LeMoNADe) -> None:
    before = {name: id(value) for name, value in vars(found).items()}
    with pytest.raises(InputError):
        found.fit(np.zeros((60, 16, 16), np.float32))
    assert {name: id(value) for name, value in vars(found).items()} == before


# ---------------------------------------------------------------------------------- nothing to be found


@pytest.mark.parametrize("init", ["sparse_coding", "random"])
def test_noise_alone_has_no_motifs_and_says_so(
    only_noise: NDArray[np.float32], quick: Settings, init: str
) -> None:
    model = LeMoNADe(**quick, init=init).fit(only_noise)
    assert not model.significant_.any()
    assert len(model.motifs_) == len(model.activations_) == len(model.p_values_)
    said = " ".join(model.messages_)
    assert "nothing stands out from the noise" in said or "no motif is significant" in said
    assert "0 significant" in model.summary()
    assert model.messages_[0] in model.summary()
    assert model.reconstruct(0, 2).shape == (2, 48, 48)
    assert np.isfinite(model.reconstruct()).all()


def test_a_fit_without_motifs_is_saved_too(
    only_noise: NDArray[np.float32], quick: Settings, tmp_path: Any
) -> None:
    model = LeMoNADe(**quick).fit(only_noise)
    loaded = LeMoNADe.load(model.save(tmp_path / "nothing.segmotif"))
    assert loaded.motifs_.shape == model.motifs_.shape
    assert loaded.summary() == model.summary()


def test_motion_larger_than_a_cell(small: Settings, quick: Settings) -> None:
    """Cells of 6 pixels that move by up to 8: what is undone gives the motifs, what is not is said."""
    truth = simulate_video(**{**small, "motion": 8.0, "shape": (64, 64), "n_cells": 18})
    model = LeMoNADe(**quick, motion="rigid").fit(truth.video)
    found = len(model.motifs_) and motif_similarity(model.motifs_, truth.motifs).recall >= 2 / 3
    assert found or any("motion" in message or "mov" in message for message in model.messages_)


def test_motion_that_is_not_undone_makes_no_error(small: Settings, quick: Settings) -> None:
    truth = simulate_video(**{**small, "motion": 8.0})
    model = LeMoNADe(**quick).fit(truth.video)
    assert np.isfinite(model.motifs_).all()
    assert np.isfinite(model.reconstruct(0, 20)).all()


# ---------------------------------------------------------------------------------- odd, but not bad


@pytest.mark.parametrize("shape", [(120, 8, 8), (120, 1, 40), (120, 40, 1), (120, 200, 8)])
def test_frames_of_any_shape(shape: tuple[int, int, int]) -> None:
    model = LeMoNADe(motif_length=10, n_restarts=10, n_surrogates=19, n_steps=2, device="cpu").fit(
        moving(shape)
    )
    assert model.motifs_.shape[1:] == (10, *shape[1:])
    assert model.frame_shape_ == shape[1:]
    assert not model.significant_.any()


def test_a_video_hardly_longer_than_a_motif(video: SimulatedVideo, quick: Settings) -> None:
    for n_frames in (16, 20, 31, 45):
        model = LeMoNADe(**quick).fit(video.video[:n_frames])
        assert model.activations_.shape[1] == n_frames
        assert model.n_frames_ == n_frames
        assert np.isfinite(model.reconstruct()).all()


def test_saturated_and_dead_pixels_are_no_cells(video: SimulatedVideo, quick: Settings) -> None:
    frames = video.video.copy()
    frames[:, 10, 10] = 500
    frames[:, 30, 5:9] = 0
    model = LeMoNADe(**quick).fit(frames)
    assert motif_similarity(model.motifs_, video.motifs).recall == 1
    assert not model.motifs_[:, :, 10, 10].max() > 50
