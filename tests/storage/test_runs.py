"""What is recorded of runs, and what is said of two that do not go together."""

import pytest

from foldergan.config.presets import find_preset
from foldergan.storage import runs


def save(folder, script, pictures):
    preset = find_preset("smoke")
    about = {} if pictures is None else {"pictures": pictures}
    runs.save_run(folder, script, preset, {}, "auto", **about)


@pytest.mark.parametrize(
    ("of_classifier", "of_generator", "is_said"),
    [
        ("8x32x32x3 00aa", "8x32x32x3 00aa", False),
        ("8x32x32x3 00aa", "8x32x32x3 00bb", True),
        ("8x32x32x3 00aa", "9x32x32x3 00aa", True),
        ("8x64x64x3 00aa", "8x32x32x3 00bb", False),  # resized: there is no telling
        ("8x64x64x3 00aa", "9x32x32x3 00bb", True),
        (None, "8x32x32x3 00aa", False),
        ("8x32x32x3 00aa", None, False),
        (3, "8x32x32x3 00aa", False),
    ],
)
def test_networks_of_other_pictures_are_warned_of(
    tmp_path, capsys, of_classifier, of_generator, is_said
):
    runs.warn_of_other_pictures(tmp_path, tmp_path)  # where nothing is recorded
    save(tmp_path, "TrainModel", of_classifier)
    save(tmp_path, "GANModel", of_generator)
    runs.warn_of_other_pictures(tmp_path, tmp_path)
    assert ("trained on other pictures" in capsys.readouterr().out) is is_said
