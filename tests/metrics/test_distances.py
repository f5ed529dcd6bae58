"""Nearest neighbours, beside distances that are computed one by one."""

import numpy as np
import pytest

from foldergan.metrics import distances

RNG = np.random.default_rng(0)
POINTS, OTHERS = RNG.normal(size=(300, 3)), RNG.normal(size=(90, 3))


@pytest.fixture(params=[1e-3, 32], autouse=True)
def block(request, monkeypatch):
    """One point at a time, and all together."""
    monkeypatch.setattr(distances, "_MEGABYTES", request.param)


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


def test_blocks_hold_no_more_than_they_may():
    blocks = list(distances.squared_distances(POINTS, OTHERS))
    assert len(blocks) == (300 if distances._MEGABYTES < 1 else 1)
    whole = np.concatenate([block for _, block in blocks])
    np.testing.assert_allclose(whole, one_by_one(POINTS, OTHERS))
    rows = [row for of_block, _ in blocks for row in range(300)[of_block]]
    assert rows == list(range(300))
