"""A GAN training that time ends: a normal end, with its last save."""

import signal

import pytest
from conftest import NOT_COMPILED, table, trained_by

from foldergan.gan.schedule import TimeLimit

pytestmark = NOT_COMPILED

GAN = ("GANModel.py", "--preset", "smoke", "--save-every", 1000)
NO_TIME = ("--hours", 1e-9)
once_trained, trained = trained_by(("TrainModel.py",))


@pytest.fixture
def answers(monkeypatch):
    """What the limit says at the end of each epoch; what can be called is called."""
    answers = []

    def is_reached(limit):
        answer = answers.pop(0)
        return answer() if callable(answer) else answer

    monkeypatch.setattr(TimeLimit, "is_reached", is_reached)
    return answers


def press_ctrl_c(then: bool):
    """Makes an answer that is given while a signal comes."""
    return lambda: signal.raise_signal(signal.SIGINT) or then


def test_the_last_epoch_is_saved_and_evaluated_and_all_ends_well(
    trained, script, answers
):
    answers += [False, False, True]  # the preset has one epoch
    flags = ("--hours", 8, "--held-out", 0.75, "--saves", "generator,grid,final")
    result = script(*GAN, *flags)
    assert result.code == 0, result.err
    assert "\nepoch 3  d_loss" in result.out and "done: 3 epochs" in result.out
    assert "the time is up" in result.out
    model = trained / "model"
    saved = {path.name for path in model.glob("generat*0*")}
    assert saved == {"generator_model_003.h5", "generated_plot_e003.png"}
    assert [row["epoch"] for row in table(trained, "gan_quality.csv")] == ["3"]
    for name in ("generator_best.h5", "gan_curves.png", "final_generated_images.png"):
        assert (model / name).is_file()


def test_epochs_that_come_first_end_it(trained, script, answers):
    answers += [False, False]
    result = script(*GAN, "--hours", 8, "--epochs", 2)
    assert result.code == 0, result.err
    assert "epoch 2/2  " in result.out and "the time is up" not in result.out
    assert (trained / "model" / "generator_model_002.h5").is_file()


def test_resumed_it_has_its_time_again_and_the_weights_of_an_unbroken_run(
    trained, script
):
    for more in ((), ("--resume",)):
        result = script(*GAN, *NO_TIME, *more)
        assert result.code == 0, result.err
    assert "resuming after epoch 1" in result.out
    straight = script(*GAN, "--epochs", 2, "--model-dir", "unbroken")
    assert straight.code == 0, straight.err
    ends = [trained / name / "generator_model_002.h5" for name in ("model", "unbroken")]
    assert ends[0].read_bytes() == ends[1].read_bytes()


def test_ctrl_c_before_the_time_is_up_names_no_last_epoch(trained, script, answers):
    answers += [press_ctrl_c(then=False)]
    result = script(*GAN, "--hours", 8)
    assert result.code == 130
    assert "epoch 1 is complete and the state is saved" in result.err


def test_ctrl_c_in_the_last_epoch_comes_too_late(trained, script, answers):
    answers += [press_ctrl_c(then=True)]
    result = script(*GAN, "--hours", 8)
    assert result.code == 0, result.err
    assert "done: 1 epochs" in result.out
