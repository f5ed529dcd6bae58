"""Writing so that no final name ever holds half a file.

Every write goes to a temporary neighbour first and is renamed when it is whole:
a reader finds the old file or the new one, also after `kill -9` or a full disk.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from foldergan.errors import RunError


@contextlib.contextmanager
def publishing(
    outdated: Iterable[Path] = (), synced: bool = True
) -> Iterator[Callable[[Path], Path]]:
    """Yields a function that takes a final name and gives a temporary one.

    What is written there replaces the final names once all of it is whole. On any
    failure before, the temporary files are removed and the final names are as they
    were.

    Files that belong together are published together. The one that says which others
    belong to it, by their checksums, is asked for last and renamed first: a reader
    after `kill -9` finds all of the old, or all of the new, or others than it says.

    A temporary name ends like the final one, because some writers choose the format
    by the extension. Each is written before the next is asked for.

    Args:
        outdated: stale companions, such as figures of the old files. They are set
            aside once the new files are whole and before they are renamed, and removed
            afterwards: a reader finds them beside the old ones or nowhere.
        synced: False where `sync` follows, once for many files.

    Raises:
        RunError: the disk refused (full, read-only, no permission).
    """
    outdated = tuple(outdated)
    temporaries: dict[Path, Path] = {}
    aside: dict[Path, Path] = {}
    current = Path()

    def temporary_of(path: Path) -> Path:
        nonlocal current
        current = path
        return temporaries.setdefault(path, _temporary_name(path))

    try:
        yield temporary_of
        for path, temporary in temporaries.items():
            current = path
            if synced:
                _fsync(temporary)
        for path in filter(Path.is_file, outdated):
            current = path
            os.replace(path, _temporary_name(path))
            aside[path] = _temporary_name(path)
        for path, temporary in reversed(temporaries.items()):
            current = path
            os.replace(temporary, path)
            aside = {}  # of what is no longer there
    except BrokenPipeError:  # of what was printed meanwhile
        raise
    except OSError as error:
        raise RunError(f"could not write {current}: {error}") from error
    finally:
        for path, temporary in aside.items():
            with contextlib.suppress(OSError):
                os.replace(temporary, path)
        for path in (*temporaries, *outdated):
            with contextlib.suppress(OSError):
                _temporary_name(path).unlink()


@contextlib.contextmanager
def replacing(
    path: Path, outdated: Iterable[Path] = (), synced: bool = True
) -> Iterator[Path]:
    """Yields a temporary path; what is written there then replaces `path`.

    Arguments and errors are those of `publishing`.
    """
    with publishing(outdated, synced) as temporary_of:
        yield temporary_of(path)


def sync(paths: list[Path]) -> None:
    """Waits until files that were not `synced` are on the disk.

    Raises:
        RunError: the disk refused.
    """
    for path in paths:
        try:
            if hasattr(os, "sync"):
                os.sync()
                return
            _fsync(path)
        except OSError as error:
            raise RunError(f"could not write {path}: {error}") from error


def _fsync(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".tmp-{os.getpid()}-{path.name}")


def back_up(path: Path) -> Path | None:
    """Renames what an earlier run left and this one would contradict.

    Returns:
        Its new name; None where there was no such file.
    """
    if not path.is_file():
        return None
    kept = path.with_name(f"{path.stem}.previous{path.suffix}")
    number = 2
    while kept.exists():
        kept = path.with_name(f"{path.stem}.previous{number}{path.suffix}")
        number += 1
    path.replace(kept)
    return kept
