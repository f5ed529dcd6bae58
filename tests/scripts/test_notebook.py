"""The notebooks run from top to bottom, each in a kernel of its own."""

import copy
import os

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient
from test_photo_128 import TINY as TINY_GAN
from tiny_backbone import save_tiny

CIFAR10 = """
dataset_folder = {dataset!r}
output_dir = Path({output!r})
epochs, batch_size = {epochs}, 8
save_every = 1
"""
OWN = """
images, model_dir = Path({dataset!r}), Path({model!r})
arrays_dir = model_dir / "arrays"
train_flags = ["--image-shape=32x32x3", "--backbone={backbone}"]
gan_flags = [*{tiny!r}, "--backbone={backbone}", "--held-out=0", "--epochs=1"]
draw_flags = ["--per-class=2"]
"""
OWN_LONGER = 'gan_flags.append("--epochs=2")'


def load(name, parameters):
    """Reads a notebook; its parameters are followed by others."""
    notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    index = next(
        number
        for number, cell in enumerate(notebook.cells)
        if "parameters" in cell.metadata.get("tags", [])
    )
    notebook.cells.insert(index + 1, nbformat.v4.new_code_cell(parameters))
    return notebook


def run(notebook, monkeypatch) -> tuple[str, list]:
    """Runs a notebook; returns what it printed, and what it showed."""
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the kernel brings its own
    where = {"metadata": {"path": ROOT / "notebooks"}}
    NotebookClient(notebook, resources=where).execute()
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    printed = "".join(o["text"] for o in outputs if o["output_type"] == "stream")
    return printed, [o["data"] for o in outputs if "data" in o]


@pytest.mark.slow
def test_cifar10_runs_and_resumes_where_it_stopped(image_folder, tmp_path, monkeypatch):
    folders = {"dataset": str(image_folder), "output": str(tmp_path / "out")}
    first = load("cifar10_gan.ipynb", CIFAR10.format(**folders, epochs=1))
    printed, _ = run(first, monkeypatch)
    assert "resuming" not in printed
    again = load("cifar10_gan.ipynb", CIFAR10.format(**folders, epochs=2))
    printed, shown = run(again, monkeypatch)
    assert "resuming after epoch 1" in printed
    assert {"generator.h5", "discriminator.h5", "gan.h5"} < set(
        os.listdir(tmp_path / "out")
    )
    assert (tmp_path / "out" / "gan_generated_image_epoch_2.jpg").exists()
    assert (tmp_path / "out" / "final_generated_images.png").exists()
    assert sum("image/png" in data for data in shown) == 2


@pytest.mark.slow
def test_own_images_end_in_a_report_and_go_on(image_folder, tmp_path, monkeypatch):
    names = {"dataset": str(image_folder), "model": str(tmp_path / "model")}
    parameters = OWN.format(**names, backbone=save_tiny(tmp_path), tiny=TINY_GAN)
    notebook = load("own_images.ipynb", parameters)
    (train,) = (cell for cell in notebook.cells if '"GANModel.py"' in cell.source)
    longer = nbformat.v4.new_code_cell(OWN_LONGER)
    notebook.cells += [longer, copy.deepcopy(train)]
    printed, shown = run(notebook, monkeypatch)
    assert "as intended" in printed and "resuming after epoch 1" in printed
    assert "done: 2 epochs" in printed
    (page,) = (data["text/html"] for data in shown if "text/html" in data)
    assert "srcdoc=" in page and "Generated images" in page
