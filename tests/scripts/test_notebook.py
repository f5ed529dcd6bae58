"""The notebook runs from top to bottom, in a kernel of its own."""

import os

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient

TINY = """
dataset_folder = {dataset!r}
output_dir = Path({output!r})
epochs, batch_size = 2, 8
save_every = 1
"""


@pytest.mark.slow
def test_the_notebook_runs_top_to_bottom(image_folder, tmp_path, monkeypatch):
    monkeypatch.delenv("MPLBACKEND")  # the kernel brings its own
    notebook = nbformat.read(ROOT / "notebooks" / "cifar10_gan.ipynb", as_version=4)
    index = next(
        number
        for number, cell in enumerate(notebook.cells)
        if "parameters" in cell.metadata.get("tags", [])
    )
    tiny = TINY.format(dataset=str(image_folder), output=str(tmp_path / "out"))
    notebook.cells.insert(index + 1, nbformat.v4.new_code_cell(tiny))

    client = NotebookClient(
        notebook, resources={"metadata": {"path": ROOT / "notebooks"}}
    )
    client.execute()

    assert {"generator.h5", "discriminator.h5", "gan.h5"} < set(
        os.listdir(tmp_path / "out")
    )
    assert (tmp_path / "out" / "gan_generated_image_epoch_2.jpg").exists()
    assert (tmp_path / "out" / "final_generated_images.png").exists()
    shown = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    assert sum("image/png" in o.get("data", {}) for o in shown) == 2
