"""Packages that only some flags need."""

import importlib.util

from foldergan.errors import InputError

OPTIONAL = "requirements-optional.txt"


def require(what: str, names: tuple[str, ...], option: str) -> None:
    """Refuses an option whose packages are not installed, before any work is done.

    Args:
        what: needs them, for the message.
        names: of the packages, as they are imported.
        option: that asked for it.

    Raises:
        InputError: one of them is missing.
    """
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"{what} need the package {' and '.join(missing)}; run: python -m pip "
            f"install -r {OPTIONAL}",
            (option,),
        )
