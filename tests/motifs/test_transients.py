"""The shape of a transient, and the spikes in traces that are made of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_segmotif.motifs.sources.events import find_events, hits_of, usual_height
from napari_segmotif.motifs.sources.transients import Transient, find_spikes, fit_transient, play_transients

Array = NDArray[np.float32]
TYPICAL = Transient(1.5, 12.0)


def spike_trains(n_rows: int, n_frames: int, rate: float, seed: int = 0) -> Array:
    """Spikes 0/1 (K, T) at random, never within three frames of each other."""
    rng = np.random.default_rng(seed)
    spikes = (rng.random((n_rows, n_frames)) < rate).astype(np.float32)
    for row in spikes:
        last = -10
        for t in np.flatnonzero(row):
            if t - last < 4:
                row[t] = 0
            else:
                last = t
    return spikes


def noisy(spikes: Array, transient: Transient, height: float, seed: int = 1) -> Array:
    noise = np.random.default_rng(seed).normal(size=spikes.shape)
    return (height * play_transients(spikes, transient) + noise).astype(np.float32)


def f1(found: Array, truth: Array, tolerance: int = 1) -> float:
    """Agreement of single events, each found one given to one true one at most."""
    hits = 0
    for row, true_row in zip(found, truth, strict=True):
        left = list(np.flatnonzero(true_row))
        for t in np.flatnonzero(row):
            near = [s for s in left if abs(s - t) <= tolerance]
            if near:
                left.remove(near[0])
                hits += 1
    return 2 * hits / max(1, np.count_nonzero(found) + np.count_nonzero(truth))


@pytest.mark.parametrize(("rise", "decay"), [(0.0, 5.0), (1.5, 12.0), (6.0, 6.0), (0.3, 0.9)])
def test_a_transient_is_exponential_before_and_after_its_peak(rise: float, decay: float) -> None:
    transient = Transient(rise, decay)
    kernel, peak = transient.kernel, transient.n_before
    assert kernel[peak] == kernel.max() == 1
    np.testing.assert_allclose(kernel[peak:], np.exp(-np.arange(len(kernel) - peak) / decay), rtol=1e-5)
    if rise:
        np.testing.assert_allclose(kernel[:peak][::-1], np.exp(-np.arange(1, peak + 1) / rise), rtol=1e-5)
    else:
        assert peak == 0
    assert kernel[-1] < 0.01
    assert kernel[0] < 0.06 or rise == 0


@pytest.mark.parametrize(("rise", "decay"), [(0.0, 8.0), (2.0, 12.0), (5.0, 5.0)])
def test_the_autocorrelation_is_that_of_two_exponentials(rise: float, decay: float) -> None:
    a = np.exp(-1 / rise) if rise else 0.0
    b = np.exp(-1 / decay)
    lags = np.arange(20)
    between = np.array([sum(a**k * b ** (lag - k) for k in range(1, lag + 1)) for lag in lags])
    expected = b**lags / (1 - b**2) + between + a ** (lags + 2) / (1 - a**2)
    found = Transient(rise, decay).autocorrelation(20)
    np.testing.assert_allclose(found, expected, atol=1e-2 * expected[0])  # cut off below 1 %


def test_there_is_no_autocorrelation_beyond_the_transient() -> None:
    transient = Transient(0.0, 1.0)
    found = transient.autocorrelation(50)
    assert found.shape == (50,)
    assert not found[len(transient.kernel) :].any()


@settings(max_examples=40, deadline=None)
@given(
    spikes=st.lists(st.floats(0, 9, width=32), min_size=1, max_size=60),
    rise=st.sampled_from([0.0, 0.7, 3.0]),
    decay=st.floats(0.5, 20),
)
def test_playing_is_the_convolution(spikes: list[float], rise: float, decay: float) -> None:
    transient = Transient(rise, decay)
    row = np.array(spikes, np.float32)
    full = np.convolve(row.astype(np.float64), transient.kernel.astype(np.float64))
    expected = full[transient.n_before : transient.n_before + len(row)]
    np.testing.assert_allclose(play_transients(row[None], transient)[0], expected, atol=1e-4)


def test_a_transient_peaks_in_the_frame_of_its_spike() -> None:
    spikes = np.zeros((1, 80), np.float32)
    spikes[0, 33] = 2
    played = play_transients(spikes, TYPICAL)
    assert played[0].argmax() == 33
    assert played[0, 33] == pytest.approx(2, rel=1e-4)


@pytest.mark.parametrize(("rise", "decay"), [(0.05, 0.4), (0.0, 0.2), (0.1, 1.0)])
@pytest.mark.parametrize("frame_rate", [15.0, 30.0, 100.0])
def test_time_constants_are_found(rise: float, decay: float, frame_rate: float) -> None:
    truth = Transient(rise * frame_rate, decay * frame_rate)
    spikes = spike_trains(20, int(120 * frame_rate), 0.3 / frame_rate)
    found = fit_transient(noisy(spikes, truth, 6.0), frame_rate)
    assert 0.75 * decay < found.decay / frame_rate < 1.35 * decay
    # What is shorter than a frame cannot be told from nothing.
    assert abs(found.rise - truth.rise) <= max(1.0, 0.6 * truth.rise)


def test_spikes_are_found_in_noise() -> None:
    truth = spike_trains(8, 1500, 0.012)
    traces = noisy(truth, TYPICAL, 8.0)
    noise = np.ones(len(traces), np.float32)
    spikes = find_spikes(traces, noise, TYPICAL)
    assert (spikes >= 0).all()
    assert f1(find_events(spikes, noise), truth) > 0.95


def test_heights_of_spikes_are_right_without_noise() -> None:
    truth = np.zeros((4, 900), np.float32)
    for k, height in enumerate((2, 5, 9, 30)):
        truth[k, 20 + 7 * k : 850 : 45 + k] = height
    noise = np.full(4, 1e-3, np.float32)
    events = find_events(find_spikes(play_transients(truth, TYPICAL), noise, TYPICAL), noise)
    assert f1(events, truth, tolerance=0) == 1
    np.testing.assert_allclose(events[truth > 0], truth[truth > 0], rtol=0.05)


def test_noise_alone_has_next_to_no_spikes() -> None:
    traces = np.random.default_rng(3).normal(size=(10, 2000)).astype(np.float32)
    noise = np.ones(10, np.float32)
    events = find_events(find_spikes(traces, noise, TYPICAL), noise)
    assert np.count_nonzero(events) < 10 * 2000 / 500


def test_a_trace_that_rests_elsewhere_has_the_same_spikes() -> None:
    traces = noisy(spike_trains(3, 800, 0.01), TYPICAL, 8.0)
    noise = np.ones(3, np.float32)
    plain, lifted = (find_events(find_spikes(c, noise, TYPICAL), noise) for c in (traces, traces + 40))
    np.testing.assert_array_equal(plain > 0, lifted > 0)


def test_a_row_has_the_same_spikes_whatever_is_beside_it() -> None:
    traces = noisy(spike_trains(4, 600, 0.01), TYPICAL, 8.0)
    together = find_spikes(traces, np.ones(4, np.float32), TYPICAL)
    alone = find_spikes(traces[2:3], np.ones(1, np.float32), TYPICAL)
    np.testing.assert_allclose(together[2], alone[0], atol=1e-5)


def test_a_spike_spread_over_frames_counts_once_with_all_of_its_height() -> None:
    spikes = np.zeros((1, 30), np.float32)
    spikes[0, 9:12] = (2, 5, 3)
    spikes[0, 20:22] = 4
    events = find_events(spikes, np.ones(1, np.float32))
    expected = np.zeros((1, 30), np.float32)
    expected[0, 10] = 10
    expected[0, 21] = 8  # of two equal ones, the later
    np.testing.assert_array_equal(events, expected)


def test_spikes_at_both_ends_of_a_trace_are_events() -> None:
    spikes = np.zeros((1, 12), np.float32)
    spikes[0, [0, 11]] = 9
    np.testing.assert_array_equal(np.flatnonzero(find_events(spikes, np.ones(1, np.float32))), [0, 11])


def test_what_is_low_for_the_noise_or_for_the_row_is_dropped() -> None:
    spikes = np.zeros((3, 60), np.float32)
    spikes[0, ::6] = 2.9  # below three standard deviations
    spikes[1, ::6] = 3.1
    spikes[2, ::6] = 100
    spikes[2, 3] = 29  # below 30 % of what is usual
    spikes[2, 9] = 31
    events = find_events(spikes, np.ones(3, np.float32))
    assert np.count_nonzero(events[0]) == 0
    assert np.count_nonzero(events[1]) == 10
    assert events[2, 3] == 0
    assert events[2, 9] == 31


def test_the_usual_height_is_that_of_large_spikes() -> None:
    heights = np.zeros((2, 200), np.float32)
    heights[0, :101] = np.arange(101)  # 0 is no spike: 1 to 100
    np.testing.assert_allclose(usual_height(heights), [np.quantile(np.arange(1, 101), 0.9), 1.0])


def test_a_hit_covers_the_frames_beside_it() -> None:
    events = np.zeros((2, 10), np.float32)
    events[0, [0, 5]] = 3
    hits = hits_of(events)
    np.testing.assert_array_equal(np.flatnonzero(hits[0]), [0, 1, 4, 5, 6])
    assert set(np.unique(hits)) == {0, 1}
    assert not hits[1].any()
