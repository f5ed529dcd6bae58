"""When a training's state is saved, and that it goes on from there exactly."""

import numpy as np
import pytest

from foldergan.errors import InputError
from foldergan.storage import checkpoint
from foldergan.storage.checkpoint import Checkpoint

GAN = ("GANModel.py", "--preset", "smoke", "--save-every", 3, "--epochs", 4)


@pytest.fixture
def positions(monkeypatch):
    """Lists epoch and batch of each state that is saved."""
    seen, save = [], Checkpoint.save

    def noted(self, state):
        seen.append(tuple(map(int, state["position"][:2])))
        save(self, state)

    monkeypatch.setattr(Checkpoint, "save", noted)
    return seen


def test_a_state_is_due_a_minute_after_the_last(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    saved = Checkpoint(tmp_path, {})
    now[0] += 59
    assert not saved.is_due()
    now[0] += 1
    assert saved.is_due()
    saved.save({"w": np.ones(3)})
    assert not saved.is_due()
    now[0] += 61
    assert saved.is_due()


def test_killed_within_an_epoch_it_goes_on_from_the_minute_before(
    image_folder, script, positions, monkeypatch
):
    assert script("TrainModel.py", "--preset", "smoke").code == 0
    assert script(*GAN, "--model-dir", "unbroken").code == 0
    # Within a minute only saves leave a state, of which the last epoch is one.
    assert positions == [(3, 0), (4, 0)]
    positions.clear()
    with monkeypatch.context() as context:
        context.setattr(checkpoint, "_MOST_SECONDS_LOST", 0.0)
        save = Checkpoint.save

        def save_and_die(self, state):
            save(self, state)
            if len(positions) == 3:
                raise SystemExit(9)

        context.setattr(Checkpoint, "save", save_and_die)
        assert script(*GAN).code == 9
    assert positions == [(0, 1), (1, 0), (1, 1)]
    assert script(*GAN, "--resume").code == 0
    states = [
        image_folder.parent / name / "resume.npz" for name in ("model", "unbroken")
    ]
    assert states[0].read_bytes() == states[1].read_bytes()
    histories = [path.with_name("gan_history.csv").read_text() for path in states]
    assert histories[0] == histories[1]


def test_the_precision_of_a_state_is_told(tmp_path):
    Checkpoint(tmp_path, {"precision": "bfloat16"}).save({"w": np.ones(3)})
    assert checkpoint.precision_of(tmp_path) == "bfloat16"
    (tmp_path / "resume.npz").write_bytes(b"damaged")
    with pytest.raises(InputError, match="damaged"):
        checkpoint.precision_of(tmp_path)
