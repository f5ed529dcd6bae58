"""The rooms that the three scripts share, the lowest room first.

    errors       what can go wrong
    processor    how many cores may be used, and of which model
    engine/      what one backend of Keras does otherwise than another
    packages     which of the optional packages are there
    child        a child process for what may crash
    config/      every setting, the presets, the command line
    images       images as arrays: resizing, the named range conversions
    backend      Keras and its backend, started quietly and seeded
    progress     what a person sees while training runs
    team         several processes that train together
    process      exit codes, Ctrl-C and SIGTERM
    storage/     the contract on disk: everything that is written
    data/        a folder of images -> arrays -> batches
    nn/          fast layers, augmentation, precision
    backbones/   pretrained networks: found, loaded, tapped, their features
    metrics/     features, KID and other figures, the best checkpoint
    classifier/  the network that classifies images
    gan/         discriminator and generator
    report/      the page that every script adds to

Arrows run one way, from the scripts through the last line to the first. Rooms
import a module when a script first names it, so that ``--help`` and a wrong flag
answer at once.
"""

import importlib
import importlib.util
from collections.abc import Callable
from types import ModuleType

__version__ = "0.3.0"


def modules_of(package: str) -> Callable[[str], ModuleType]:
    """Makes a package's `__getattr__`, which imports a module when it is first used."""

    def load(name: str) -> ModuleType:
        path = f"{package}.{name}"
        if name.startswith("_") or importlib.util.find_spec(path) is None:
            raise AttributeError(f"{package} has no module {name}")
        return importlib.import_module(path)

    return load
