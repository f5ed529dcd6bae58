"""Each backend takes the same steps from the same state."""

import numpy as np
import pytest
import twins
from jax_process import needs_jax, run_in_jax

from foldergan import engine


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where both backends have left what they came to."""
    folder = tmp_path_factory.mktemp("twins")
    with pytest.MonkeyPatch.context() as context:
        for name, function in twins.numbers().items():
            context.setattr(engine, name, function)
        for case in twins.CASES:
            twins.run(case, folder)
    said = run_in_jax(folder, "tests/engine/twins.py", folder)
    assert said.returncode == 0, said.stderr
    return folder


@needs_jax
@pytest.mark.parametrize("case", twins.CASES)
def test_both_backends_take_the_same_steps(folder, case):
    one, other = (
        np.load(folder / f"{case}_{backend}.npz") for backend in ("tensorflow", "jax")
    )
    assert one.files == other.files
    for name in one.files:
        np.testing.assert_allclose(
            other[name], one[name], rtol=1e-3, atol=2e-4, err_msg=name
        )


@needs_jax
@pytest.mark.parametrize("case", twins.CASES)
def test_the_steps_move_much_more_than_they_differ(folder, case):
    start, end = (np.load(folder / f"{case}{of}.npz") for of in ("", "_tensorflow"))
    values = [end[name] for name in end.files if name != "losses"]
    moved = [
        np.abs(new - old).max()
        for old, new in zip((start[name] for name in start.files), values, strict=False)
    ]
    assert np.median(moved) > 5e-3
