"""Writing so that no final name ever holds half a file.

Every write goes to a temporary neighbour first and is renamed when it is whole:
a reader finds the old file or the new one, also after `kill -9` or a full disk.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from foldergan.errors import RunError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path; what is written there then replaces `path`.

    The temporary name ends like `path`, because some writers choose the format by
    the extension. On any failure the temporary file is removed and `path` is left
    as it was.

    Args:
        path: the final name.

    Raises:
        RunError: the disk refused (full, read-only, no permission).
    """
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BrokenPipeError:  # of what was printed meanwhile
        raise
    except OSError as error:
        raise RunError(f"could not write {path}: {error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def back_up(path: Path) -> None:
    """Renames what an earlier run left and this one would contradict, and says so."""
    if path.is_file():
        kept = path.with_name(f"{path.stem}.previous{path.suffix}")
        number = 2
        while kept.exists():
            kept = path.with_name(f"{path.stem}.previous{number}{path.suffix}")
            number += 1
        path.replace(kept)
        print(f"{path} is of an earlier run; it is kept as {kept.name}")


def remove(path: Path) -> None:
    """Removes what would contradict a file that has been replaced."""
    path.unlink(missing_ok=True)
