"""Each backend takes the same steps from the same state."""

import keras
import numpy as np
import pytest
import twins
from jax_process import needs_jax, run_in_jax

from foldergan import backend, engine
from foldergan.gan import upsampling

pytestmark = pytest.mark.slow

BACKENDS = ["tensorflow", pytest.param("jax", marks=needs_jax)]


def load(path):
    with np.load(path) as file:
        return dict(file)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where TensorFlow has left what it came to."""
    folder = tmp_path_factory.mktemp("twins")
    backend.start(0)
    twins.draw(folder)
    with pytest.MonkeyPatch.context() as context:
        for name, function in twins.numbers().items():
            context.setattr(engine, name, function)
        for case in twins.CASES:
            twins.run(case, folder)
    return folder


@pytest.fixture(scope="module")
def both(folder):
    """Where JAX has too."""
    said = run_in_jax(folder, "tests/engine/twins.py", folder)
    assert said.returncode == 0, said.stderr
    return folder


@needs_jax
@pytest.mark.parametrize("case", twins.CASES)
def test_both_backends_take_the_same_steps(both, case):
    before, one, other = (
        load(both / f"{case}{of}.npz") for of in ("", "_tensorflow", "_jax")
    )
    np.testing.assert_allclose(
        other.pop("losses"), one.pop("losses"), rtol=1e-3, atol=1e-4
    )
    assert list(one) == list(other)
    for name in [name for name in one if name.startswith("mixing")]:
        np.testing.assert_array_equal(one.pop(name), other.pop(name), name)
    moved = []
    # What is frozen comes last in the file of the start, and is in no state.
    for name, old in zip(one, before.values(), strict=False):
        distance = np.linalg.norm(one[name].astype(float) - old)
        difference = np.linalg.norm(one[name].astype(float) - other[name])
        assert difference <= 5e-3 * distance + 1e-6 * old.size**0.5, name
        moved.append(distance)
    assert np.median(moved) > 1e-3


@pytest.mark.parametrize("name", BACKENDS)
def test_random_numbers_hang_on_the_seed_alone(name, request):
    folder = request.getfixturevalue("both" if name == "jax" else "folder")
    drawn = load(folder / f"numbers_{name}.npz")
    np.testing.assert_array_equal(drawn.pop("again"), drawn["(1, 2)"])
    uniform, integers = drawn.pop("uniform"), drawn.pop("integers")
    assert len({numbers.tobytes() for numbers in drawn.values()}) == len(drawn) == 7
    for numbers in drawn.values():
        assert abs(numbers.mean()) < 0.1 and abs(numbers.std() - 1) < 0.1
    assert abs(np.corrcoef(list(drawn.values())) - np.eye(7)).max() < 0.12
    assert 0 <= uniform.min() < 0.05 and 4.95 < uniform.max() < 5
    assert set(integers) == set(range(5))


def test_every_takes_rows_from_the_first_on_and_hands_gradients_back(folder):
    weights = keras.Variable(np.arange(10, dtype=np.float32).reshape(5, 2))
    taken, (gradients,) = engine.value_and_gradients(
        lambda: (keras.ops.sum(upsampling.every(2, 2 * weights) ** 2), None), [weights]
    )
    rows = np.array([[0, 1], [0, 0], [4, 5], [0, 0], [8, 9]], np.float32)
    assert float(taken[0]) == 4 * (rows**2).sum()
    np.testing.assert_array_equal(gradients, 8 * rows)
