"""Logs for TensorBoard, read back as TensorBoard reads them."""

import importlib.util
import json

import cv2
import numpy as np
import pytest
import report_folder

from foldergan.report.run import RunReport
from foldergan.storage import tables

needs_tensorboard = pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None,
    reason="needs requirements-optional.txt",
)


def read(folder):
    """Returns name -> {epoch: figure, or image as it was encoded}."""
    import tensorflow as tf
    from tensorboard.backend.event_processing import event_accumulator

    log = event_accumulator.EventAccumulator(str(folder), {"tensors": 0})
    log.Reload()
    found = {}
    for name in log.Tags()["tensors"]:
        events = log.Tensors(name)
        assert len(events) == len({event.step for event in events}), name
        values = {event.step: tf.make_ndarray(event.tensor_proto) for event in events}
        found[name] = values
    return found


def the_log(model_dir):
    (folder,) = (model_dir / "tensorboard").iterdir()
    assert len(list(folder.iterdir())) == 1
    return folder


@needs_tensorboard
def test_a_log_has_the_figures_of_the_tables_and_the_pages(tmp_path):
    report = RunReport(tmp_path, "GANModel", has_log=True)
    report.update()
    for epochs in ([1, 2], [1, 2, 3, 4]):
        report_folder.add_gan(tmp_path, epochs)
        report.update()
    found = read(the_log(tmp_path))
    for name in ("gan_history.csv", "gan_quality.csv"):
        for row in tables.load_csv(tmp_path / name):
            for column in row.keys() - {"epoch", "extractor"}:
                logged = found[column][int(row["epoch"])]
                assert logged == pytest.approx(float(row[column]), rel=1e-6), column
    assert "extractor" not in found and set(found["kernel_distance"]) == {1, 2, 3, 4}
    assert set(found["generated"]) == {1, 2, 3, 4}
    width, height, png = found["generated"][4]
    page = cv2.imread(str(tmp_path / "generated_plot_e004.png"))
    assert (int(height), int(width)) == page.shape[:2]
    shown = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(shown, page)


@needs_tensorboard
def test_of_a_run_that_goes_on_the_log_has_the_beginning_too(tmp_path):
    with RunReport(tmp_path, "GANModel", has_log=True) as report:
        report_folder.add_gan(tmp_path, [1, 2])
        report.update()
    first = the_log(tmp_path)
    report = RunReport(tmp_path, "GANModel", has_log=True)
    report.go_on()
    report_folder.add_gan(tmp_path, [1, 2, 3])
    report.update()
    assert the_log(tmp_path) == first
    assert set(read(first)["d_loss"]) == {1, 2, 3}


@needs_tensorboard
def test_the_scripts_log_what_they_train(image_folder, tmp_path, script):
    for name in ("TrainModel", "GANModel"):
        done = script(f"{name}.py", "--preset", "smoke", "--tensorboard")
        assert done.code == 0, done.err
    logs = {
        path.name: read(path) for path in (tmp_path / "model/tensorboard").iterdir()
    }
    for name, table in (("TrainModel", "train_history"), ("GANModel", "gan_history")):
        (found,) = (log for run, log in logs.items() if run.startswith(f"{name}-2"))
        rows = tables.load_csv(tmp_path / "model" / f"{table}.csv")
        assert found.keys() - {"generated"} == rows[0].keys() - {"epoch"}


@needs_tensorboard
def test_a_log_that_cannot_be_written_ends_no_training(tmp_path, capsys):
    (tmp_path / "tensorboard").write_text("a file")
    with RunReport(tmp_path, "TrainModel", has_log=True) as report:
        report.update([{"epoch": 1, "loss": 0.5}])
        report.update([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.4}])
    out = capsys.readouterr().out
    assert out.count("warning: ") == 1 and "continues without that" in out
    state = json.loads((tmp_path / "report" / "times_TrainModel.json").read_text())
    assert state["state"] == "done"


@pytest.mark.parametrize("name", ["TrainModel.py", "GANModel.py"])
def test_a_missing_package_ends_in_a_sentence_before_any_work(
    image_folder, tmp_path, script, monkeypatch, name
):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda x: None if x == "tensorboard" else find(x)
    )
    done = script(name, "--preset", "smoke", "--tensorboard", "--dataset=dataset")
    assert done.code == 2 and done.err.count("\n") == 1
    assert "TensorBoard logs need the package tensorboard" in done.err
    assert "requirements-optional.txt; leave out --tensorboard" in done.err
    left = [path for path in tmp_path.rglob("*.*") if path.parts[-3] != "dataset"]
    assert [path.name for path in left if path.name[0] != "."] == []
