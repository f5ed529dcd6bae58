"""GANModel.py in two processes on this machine, which talk over loopback."""

import shutil
import socket

import numpy as np
import pytest
from conftest import draw_images, end_of
from jax_process import COMPILED_QUICKLY, needs_jax, run_in_jax, start_in_jax

pytestmark = [pytest.mark.slow, needs_jax]

# Of 7 images, batches of 4 and of 3: the one is cut in two, the other is not.
TINY = ("--preset", "smoke", "--dataset", "dataset", "--save-every", 25)
TINY += ("--image-shape", "16x16x3", "--generator-filters", "4,4,4")
TINY += ("--discriminator-filters", "4,4")


def start_two(folder, *arguments):
    """Starts two processes; returns the first and the other."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    return [
        start_in_jax(
            folder,
            "GANModel.py",
            *TINY,
            *arguments,
            KERAS_DISTRIBUTION_JOB_ADDRESSES=address,
            KERAS_DISTRIBUTION_NUM_PROCESSES="2",
            KERAS_DISTRIBUTION_PROCESS_ID=str(number),
        )
        for number in (0, 1)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with pictures, and what one process left in model/.

    What two left is in of_two/, what one on two devices in on_two/.
    """
    folder = tmp_path_factory.mktemp("workers")
    draw_images(folder / "dataset")
    (folder / "dataset" / "red" / "3.png").unlink()
    alone = run_in_jax(folder, "GANModel.py", *TINY, "--epochs", 25)
    assert alone.returncode == 0, alone.stderr
    devices = start_in_jax(
        folder,
        "GANModel.py",
        *TINY,
        *("--epochs", 25, "--model-dir", "on_two"),
        XLA_FLAGS=f"{COMPILED_QUICKLY} --xla_force_host_platform_device_count=2",
    )
    assert end_of(devices).code == 0
    ends = [
        end_of(each)
        for each in start_two(folder, "--epochs", 25, "--model-dir", "of_two")
    ]
    assert [end.code for end in ends] == [0, 0], ends[0].err + ends[1].err
    assert ends[1].out.count("\n") == 1  # what it runs with
    assert ends[1].err == ""
    return folder


def losses_in(model_dir):
    return np.loadtxt(model_dir / "gan_history.csv", delimiter=",", skiprows=1)


def state_in(model_dir):
    with np.load(model_dir / "resume.npz") as file:
        return {name: file[name] for name in file.files if name != "about"}


@pytest.mark.parametrize("several", ["of_two", "on_two"])
def test_two_processes_and_two_devices_take_the_steps_of_one(folder, several):
    alone, together = (losses_in(folder / name) for name in ("model", several))
    assert len(alone) == 25  # of two steps each
    np.testing.assert_allclose(together, alone, atol=1e-3)
    one, two = (state_in(folder / name) for name in ("model", several))
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_allclose(two[name], one[name], atol=1e-3, err_msg=name)


def test_the_first_process_alone_leaves_what_one_leaves(folder):
    one, two = (
        {path.name for path in (folder / name).iterdir()}
        for name in ("model", "of_two")
    )
    assert one == two


def wait_for_epoch(started):
    for line in started.stdout:
        if line.startswith("epoch ") and "step" not in line:
            return
    raise AssertionError(started.stderr.read())


def test_when_one_is_killed_the_other_ends_and_both_can_go_on(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    for killed in (1, 0):
        started = start_two(tmp_path, "--epochs", 100_000, "--resume")
        wait_for_epoch(started[0])
        before = state_in(tmp_path / "model")["position"]
        assert before[0] >= 25
        started[killed].kill()
        end = end_of(started[1 - killed])
        end_of(started[killed])
        assert end.code != 0  # by a sentence, or by JAX's own message
        if end.code == 1:
            assert "another process of this training has ended" in end.err
            assert "give all of them the same command: " in end.err
        else:
            assert "JAX distributed service detected fatal errors" in end.err
        after = state_in(tmp_path / "model")["position"]
        assert after[0] >= before[0]
