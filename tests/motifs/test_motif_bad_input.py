"""Videos and settings that cannot work: each is refused, or said to hold nothing, in words that help."""

from __future__ import annotations

import re
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


def refusal(video: Any, axes: str | None = None, **settings: Any) -> str:
    """The words with which a video is refused: they end with what was got, and the model stays new."""
    model = LeMoNADe(motif_length=10, **settings)
    with pytest.raises(InputError) as raised:
        model.fit(video, axes)
    words = str(raised.value)
    assert words.rstrip().endswith(")")
    assert "(got " in words
    assert set(vars(model)) == {"parameters"}
    return words


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
    words = refusal(moving((n_frames, 16, 16)))
    assert "longer than a motif" in words
    assert f"got {n_frames} frames and a motif length of 10 frames" in words


@pytest.mark.parametrize("value", [0, 7.5])
def test_a_constant_video(value: float) -> None:
    words = refusal(np.full((60, 16, 16), value, np.float32))
    assert re.search(f"same brightness.*got {value:g} throughout", words)


def test_the_same_picture_in_every_frame() -> None:
    words = refusal(np.repeat(moving((1, 16, 16)), 60, axis=0))
    assert re.search("nothing changes from frame to frame.*got 60 times", words)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(value: float) -> None:
    video = moving()
    video[37, 3, 4:6] = value
    assert re.search(r"not finite.*numpy\.nan_to_num.*got 2 of them in frame 37", refusal(video))


def test_one_frame() -> None:
    assert "this is one frame" in refusal(moving((1, 16, 16)))
    assert "this is a single picture or less" in refusal(moving((16, 16)))
    assert "this is one frame" in refusal(ImageSource(moving((16, 16)), "YX"))


def test_an_empty_video() -> None:
    assert "the video is empty" in refusal(np.zeros((0, 16, 16), np.float32))


def test_colours() -> None:
    assert "picture in colours" in refusal(moving((32, 24, 3)))
    assert re.search("pick one channel.*got 3 channels", refusal(moving((60, 16, 16, 3)), "TYXC"))
    with pytest.raises(AxesError):
        LeMoNADe(motif_length=10).fit(moving((60, 16, 16, 3)))


def test_a_volume() -> None:
    assert re.search("pick a plane.*got 5 planes", refusal(moving((60, 5, 16, 16)), "TZYX"))
    assert re.search("one plane and one channel.*pick them", refusal(moving((60, 5, 16, 16))))


def test_what_is_no_number() -> None:
    assert "integers or real numbers" in refusal(np.ones((60, 16, 16), complex))
    assert "integers or real numbers" in refusal(np.full((60, 16, 16), "a"))


def test_axes_that_do_not_fit() -> None:
    assert "one letter per dimension" in refusal(moving(), "TZYX")


def test_relative_changes_of_a_negative_baseline() -> None:
    words = refusal(moving() - 30, normalization="dff")
    assert re.search("baseline, which must be positive: take 'subtract'.*got a baseline of -", words)


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
