"""Decoders: right on perfect maps, sturdy on noisy ones, alike in 2D and 3D, and chosen by what they find."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from ideal_maps import HEADS_2D, HEADS_3D, disks, ideal_maps, noisy_maps
from pydantic import ValidationError
from scipy import ndimage as ndi
from skimage.measure import regionprops

from napari_segmotif.common.object_metrics import ObjectScores, match_objects
from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import InputError, JobCancelled
from napari_segmotif.unet.network.heads import Heads
from napari_segmotif.unet.objects.decoding import Decoder, DecoderChoice, choose_decoder

SEEDS = Decoder(method="seeds", minimum_size=1, minimum_seed=1)
VOTES = Decoder(method="votes", minimum_size=1)
PIECES = Decoder(method="components", minimum_size=1)
BOTH = pytest.mark.parametrize("decoder", [SEEDS, VOTES], ids=["seeds", "votes"])


def score(truth: np.ndarray, found: np.ndarray) -> float:
    return match_objects(truth, found).mean_average_precision


@BOTH
def test_two_touching_squares_are_parted_where_they_touch(decoder):
    truth = np.zeros((12, 22), np.int32)
    truth[2:10, 2:10], truth[2:10, 10:20] = 1, 2
    np.testing.assert_array_equal(decoder(ideal_maps(truth), HEADS_2D), truth)
    assert PIECES(ideal_maps(truth), HEADS_2D).max() == 1


@BOTH
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(0, 12))
def test_objects_of_perfect_maps_come_back(decoder, seed, n):
    truth = disks((60, 70), n, (5, 12), seed)
    found = decoder(ideal_maps(truth), HEADS_2D)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found > 0, truth > 0)
    # A disk may be covered by later ones but for a sliver, which has no core, or a sickle, which has several.
    for disk in regionprops(truth):
        if disk.area > 0.6 * np.pi * 25 and disk.solidity > 0.9:
            overlap = np.bincount(found[truth == disk.label]).max() / disk.area
            assert overlap >= 0.5


@BOTH
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), spread=st.floats(0.5, 6))
def test_objects_are_numbered_without_gaps_in_the_order_of_their_first_pixels(decoder, seed, spread):
    """Also for maps that are nothing but noise."""
    rng = np.random.default_rng(seed)
    maps = rng.uniform(0, 1, (5, 24, 31)).astype(np.float32)
    maps[0] = 1 - maps[1]
    maps[3:] = rng.normal(0, spread, (2, 24, 31))
    found = decoder.model_copy(update={"minimum_size": 5})(maps, HEADS_2D)
    ids, first = np.unique(found[found > 0], return_index=True)
    np.testing.assert_array_equal(ids, np.arange(1, len(ids) + 1))
    assert (np.diff(first) > 0).all()
    assert not (found[maps[1] <= 0.5]).any()
    for k in ids:
        assert (found == k).sum() >= 5
        assert ndi.label(found == k, np.ones((3, 3)))[1] == 1


def test_foreground_without_a_seed_is_an_object_if_it_is_large_enough():
    truth = np.zeros((20, 20), np.int32)
    truth[2:4, 2:4], truth[8, 8], truth[12:18, 12:18] = 1, 2, 3  # the first two are all boundary
    found = SEEDS(ideal_maps(truth), HEADS_2D)
    np.testing.assert_array_equal(found, truth)
    assert Decoder(minimum_size=2)(ideal_maps(truth), HEADS_2D).max() == 2


def test_small_seeds_do_not_split_an_object():
    truth = np.zeros((20, 20), np.int32)
    truth[2:18, 2:18] = 1
    maps = ideal_maps(truth)
    maps[2, 9, 3:17] = 1  # a boundary across, one end open
    maps[2, 5, 3:17] = 1
    maps[2, 3:6, 5] = 1  # closes off a core of two pixels
    assert Decoder(minimum_seed=1)(maps, HEADS_2D).max() > Decoder(minimum_seed=5)(maps, HEADS_2D).max()


def test_what_votes_elsewhere_stays_with_the_object_around_it():
    truth = np.zeros((30, 30), np.int32)
    truth[3:27, 3:27] = 1
    maps = ideal_maps(truth)
    maps[3:, 5:8, 5:8] = 500.0  # votes far outside
    maps[3:, 20, 20] = np.nan
    np.testing.assert_array_equal(VOTES(maps, HEADS_2D), truth)


def test_centres_near_to_each_other_are_one():
    truth = np.zeros((40, 40), np.int32)
    truth[5:35, 5:35] = 1
    maps = ideal_maps(truth)
    maps[4, :, :20] -= 4  # two halves that vote for centres eight pixels apart; the radius is about 17
    maps[4, :, 20:] += 4
    assert Decoder(method="votes", vote_distance=0.6)(maps, HEADS_2D).max() == 1
    assert Decoder(method="votes", vote_distance=0.3)(maps, HEADS_2D).max() == 2


@BOTH
def test_flat_voxels_in_three_dimensions(decoder):
    spacing = (3.0, 1.0, 1.0)
    truth = disks((14, 48, 48), 12, (8, 11), 3, spacing)
    found = decoder.model_copy(update={"minimum_size": 20})(ideal_maps(truth), HEADS_3D, spacing)
    assert truth.max() == 12
    assert match_objects(truth, found, [0.5]).true_positives[0] >= 11


def test_the_unit_of_the_spacing_does_not_matter():
    spacing = np.array((3.0, 1.0, 1.0))
    maps = noisy_maps(disks((10, 32, 32), 8, (6, 9), 4, spacing), 0)
    first = VOTES(maps, HEADS_3D, spacing)
    np.testing.assert_array_equal(first, VOTES(maps, HEADS_3D, 0.25 * spacing))
    assert (first != VOTES(maps, HEADS_3D)).any()


@BOTH
def test_noise_costs_some_objects_not_all(decoder):
    total = {name: ObjectScores.empty((0.5,)) for name in ("ours", "components")}
    for seed in range(6):
        truth = disks((120, 120), 40, (7, 11), seed)
        maps = noisy_maps(truth, seed)
        ours = decoder.model_copy(update={"minimum_size": 20, "minimum_seed": 10, "vote_smoothing": 3.0})
        total["ours"] += match_objects(truth, ours(maps, HEADS_2D), (0.5,))
        total["components"] += match_objects(truth, PIECES(maps, HEADS_2D), (0.5,))
    assert total["ours"].average_precision[0] > 0.5
    assert total["ours"].average_precision[0] > 2 * total["components"].average_precision[0]


@pytest.mark.parametrize("decoder", [SEEDS, VOTES, PIECES], ids=lambda d: d.method)
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 9), (7, 1), (0, 5)], ids=lambda shape: "x".join(map(str, shape))
)
def test_the_smallest_images(decoder, shape):
    maps = np.zeros((5, *shape), np.float32)
    maps[0] = 1
    assert decoder(maps, HEADS_2D).shape == shape
    assert not decoder(maps, HEADS_2D).any()
    maps[0], maps[1] = 0, 1
    assert decoder(maps, HEADS_2D).max(initial=1) == 1


@pytest.mark.parametrize("decoder", [SEEDS, VOTES, PIECES], ids=lambda d: d.method)
def test_numbers_that_are_none_are_background(decoder):
    maps = np.full((5, 8, 9), np.nan, np.float32)
    assert not decoder(maps, HEADS_2D).any()


def test_a_network_without_objects_has_components_only():
    heads = Heads((0, 2, 5), False, 2)
    truth = disks((60, 60), 5, (6, 9), 1)
    maps = np.stack([truth == 0, truth % 2 == 1, (truth > 0) & (truth % 2 == 0)]).astype(np.float32)
    np.testing.assert_array_equal(PIECES(maps, heads) > 0, truth > 0)
    assert PIECES(maps, heads).max() == ndi.label(truth)[1]
    with pytest.raises(InputError, match=r"use the method 'components' \(got 'seeds'\)"):
        SEEDS(maps, heads)
    assert run_job(choose_decoder([(maps, truth)], heads)).decoder.method == "components"


def test_necks_are_split_on_request():
    y, x = np.mgrid[:40, :70]
    two = (np.hypot(y - 20, x - 20) < 14) | (np.hypot(y - 20, x - 45) < 14)
    maps = np.stack([~two, two]).astype(np.float32)
    heads = Heads((0, 1), False, 2)
    assert PIECES(maps, heads).max() == 1
    assert Decoder(method="components", split_touching=True)(maps, heads).max() == 2


def test_maps_of_another_kind_are_refused():
    with pytest.raises(InputError, match=r"5 maps of 2 axes \(got shape \(3, 8, 8\)\)"):
        SEEDS(np.zeros((3, 8, 8), np.float32), HEADS_2D)
    with pytest.raises(InputError, match=r"6 maps of 3 axes"):
        SEEDS(np.zeros((6, 8, 8), np.float32), HEADS_3D)


def test_a_decoder_goes_through_json():
    decoder = Decoder(method="votes", vote_smoothing=2.5, minimum_size=17)
    assert Decoder.model_validate_json(decoder.model_dump_json()) == decoder
    with pytest.raises(ValidationError):
        Decoder(foreground_threshold=1.5)


@pytest.mark.parametrize(("decoder", "least"), [(SEEDS, 0.97), (VOTES, 0.97)], ids=["seeds", "votes"])
def test_nuclei_of_real_images_come_back_from_perfect_maps(data_root, decoder, least):
    total = ObjectScores.empty()
    for path in sorted((data_root / "dsb2018" / "labels").glob("*.tif"))[::25]:
        truth = tifffile.imread(path).astype(np.int32)
        total += match_objects(truth, decoder(ideal_maps(truth), HEADS_2D))
    assert total.n_true > 100
    assert total.mean_average_precision >= least


def examples(kind, n=3, heads=HEADS_2D):
    for seed in range(n):
        truth = disks((70, 70), 14, (6, 9), seed)
        yield kind(truth, seed) if kind is noisy_maps else kind(truth), truth


def test_the_choice_is_the_best_of_what_was_tried():
    choice = run_job(choose_decoder(examples(noisy_maps), HEADS_2D))
    assert isinstance(choice, DecoderChoice)
    again = sum(
        (match_objects(truth, choice.decoder(maps, HEADS_2D)) for maps, truth in examples(noisy_maps)),
        start=ObjectScores.empty(),
    )
    assert again == choice.scores  # the shared work gives what the decoder gives
    assert choice.score == again.mean_average_precision
    assert [row["method"] for row in choice.rows[:1]] == [choice.decoder.method]
    assert {row["method"] for row in choice.rows} == {"seeds", "votes", "components"}
    assert [row["score"] for row in choice.rows] == sorted(
        (row["score"] for row in choice.rows), reverse=True
    )
    usual = [
        score(truth, Decoder(method=method)(maps, HEADS_2D))
        for method in ("seeds", "votes")
        for maps, truth in examples(noisy_maps)
    ]
    assert choice.score > np.mean(usual)


def test_the_choice_falls_on_the_only_map_that_is_right():
    def without(what):
        for maps, truth in examples(ideal_maps):
            changed = maps.copy()
            changed[what] = 0
            yield changed, truth

    assert run_job(choose_decoder(without(2), HEADS_2D)).decoder.method == "votes"
    assert run_job(choose_decoder(without(slice(3, 5)), HEADS_2D)).decoder.method == "seeds"


def test_specks_are_left_out_by_the_smallest_size():
    def specked():
        rng = np.random.default_rng(0)
        for maps, truth in examples(ideal_maps):
            specks = ndi.binary_dilation(rng.random(truth.shape) < 0.01, np.ones((3, 3))) & (truth == 0)
            maps[:2, specks] = [[0], [1]]
            yield maps, truth

    assert run_job(choose_decoder(specked(), HEADS_2D)).decoder.minimum_size >= 8


def test_images_without_any_object_leave_the_default():
    maps = np.zeros((5, 20, 20), np.float32)
    maps[0] = 1
    for images in ([], [(maps, np.zeros((20, 20), np.int32))]):
        choice = run_job(choose_decoder(images, HEADS_2D))
        assert choice.decoder == Decoder()
        assert np.isnan(choice.score)


def test_decoders_that_fall_behind_are_left_behind(monkeypatch):
    """On later images only good ones are tried, and the best is still told with all its counts."""
    monkeypatch.setattr("napari_segmotif.unet.objects.decoding._PIXELS_A_ROUND", 70 * 70)
    given = list(examples(noisy_maps, n=4))
    choice = run_job(choose_decoder(given, HEADS_2D))
    assert choice.scores.n_true == sum(int(truth.max()) for _, truth in given)
    assert {row["method"] for row in choice.rows} == {"seeds", "votes", "components"}


def test_large_images_are_looked_at_in_parts(monkeypatch):
    monkeypatch.setattr("napari_segmotif.unet.objects.decoding._PIXELS_A_PART", 40 * 40)
    choice = run_job(choose_decoder(list(examples(ideal_maps)), HEADS_2D))
    assert choice.score > 0.9


def test_the_choice_tells_how_far_it_is_and_stops_when_asked():
    given = list(examples(ideal_maps))
    told = []
    run_job(choose_decoder(given, HEADS_2D), told.append)
    assert [progress.done for progress in told] == [1, 2, 3]
    assert {progress.total for progress in told} == {3}
    token = CancelToken()
    job = choose_decoder(given, HEADS_2D, cancel=token)
    next(job)
    token.cancel()
    with pytest.raises(JobCancelled):
        next(job)


def test_maps_and_objects_of_different_shapes_are_refused():
    maps, truth = next(examples(ideal_maps))
    with pytest.raises(InputError, match=r"same shape \(got \(70, 70\) and \(69, 70\)\)"):
        run_job(choose_decoder([(maps, truth[1:])], HEADS_2D))
