"""Packages that only some flags need."""

import importlib.util

from foldergan.errors import InputError

OPTIONAL = "requirements-optional.txt"


def require(what: str, names: tuple[str, ...], option: str) -> None:
    """Raises InputError where packages are missing that an option needs.

    `what` needs them, for the message; their names are those that one imports.
    """
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"{what} need the package {' and '.join(missing)}; run: python -m pip "
            f"install -r {OPTIONAL}",
            (option,),
        )
