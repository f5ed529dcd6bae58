"""Nearest neighbours, beside distances that are computed one by one."""

import numpy as np
import pytest

from foldergan.metrics import distances

RNG = np.random.default_rng(0)
POINTS, OTHERS = RNG.normal(size=(300, 3)), RNG.normal(size=(90, 3))


@pytest.fixture(params=[1, 250, 2**22], autouse=True)
def block(request, monkeypatch):
    """All points one by one, two at a time, together."""
    monkeypatch.setattr(distances, "_BLOCK", request.param)


def one_by_one(points, others):
    return ((points[:, None] - others[None]) ** 2).sum(-1)


@pytest.mark.parametrize("k", [1, 2, 7, 150])
@pytest.mark.parametrize("away", [0, 1000])  # from the origin, where rounding is coarse
def test_radii_are_the_distances_of_the_kth_neighbours(k, away):
    points = POINTS + away
    expected = np.sort(one_by_one(points, points), axis=1)[:, k]  # 0: itself
    found = distances.squared_radii(points, k)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11 * away**2)
    assert (found >= expected).all()


def test_nearest_are_the_nearest():
    expected = one_by_one(POINTS, OTHERS)
    rows, found = distances.nearest(POINTS, OTHERS)
    np.testing.assert_array_equal(rows, expected.argmin(1))
    np.testing.assert_allclose(found, np.sqrt(expected.min(1)))


def test_blocks_hold_no_more_than_they_may():
    sizes = [block.size for _, block in distances.squared_distances(POINTS, OTHERS)]
    assert sum(sizes) == 300 * 90
    assert max(sizes) <= max(90, distances._BLOCK)
    assert len(sizes) == {1: 300, 250: 150, 2**22: 1}[distances._BLOCK]
