"""The session: selection and columns survive what they should, and every change is said once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pytestqt.qtbot import QtBot

from napari_segmotif.gui.explore.session import ObjectSession


@pytest.fixture
def session(qtbot: QtBot) -> ObjectSession:
    session = ObjectSession()
    session.set_table(pd.DataFrame({"label": [5, 3, 8], "area": [1.0, 2.0, 3.0]}, index=[9, 9, 9]))
    return session


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("replace", [0, 1, 1]),
        ("add", [1, 1, 1]),
        ("subtract", [1, 0, 0]),
        ("toggle", [1, 0, 1]),
    ],
)
def test_modes_of_selection(session, mode, expected):
    session.select([0, 1])
    session.select([1, 2, -1, 77], mode)
    np.testing.assert_array_equal(session.selected, np.array(expected, bool))


def test_a_change_is_said_once_and_no_change_not_at_all(session, qtbot):
    with qtbot.waitSignal(session.selection_changed) as got:
        session.select(np.array([True, False, False]), origin="plot")
    assert got.args == ["plot"]
    with qtbot.assertNotEmitted(session.selection_changed):
        session.select([0])
    with qtbot.waitSignal(session.current_changed) as got:
        session.set_current(2, "image")
    assert (got.args, session.current_origin) == ([2], "image")
    with qtbot.assertNotEmitted(session.current_changed):
        session.set_current(2)
    session.set_current(55)
    assert session.current == -1


def test_columns_come_and_go_without_touching_the_selection(session, qtbot):
    session.table.attrs["segmotif"] = {"unit": "micrometer"}
    session.select([2])
    with qtbot.waitSignal(session.column_changed) as got:
        session.set_column("cluster", [1, 2, 1])
    assert got.args == ["cluster"]
    assert session.column("cluster").tolist() == [1, 2, 1]
    assert session.selected.tolist() == [False, False, True]
    session.set_column("cluster", None)
    assert session.column("cluster") is None
    assert session.table.attrs["segmotif"] == {"unit": "micrometer"}


def test_another_table_starts_afresh(session):
    session.select([0])
    session.set_current(1)
    session.mark_stale("the labels were painted on")
    session.mark_stale("another reason")
    assert session.stale == "the labels were painted on"
    session.set_table(pd.DataFrame({"label": [1]}))
    assert (session.n, session.current, session.stale, session.selected.tolist()) == (1, -1, "", [False])
    session.set_table(None)
    assert (session.n, session.index, session.table) == (0, None, None)
    session.mark_stale("nothing to be stale")
    assert session.stale == ""
