"""A folder of images in, new images out: what the three scripts share.

Rooms import a module when a script first names it, so that ``--help`` and a wrong flag
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
