"""A glance at the start and the end of image files, instead of all between."""

import os
import stat
from pathlib import Path

_ENDS = {  # the first two bytes of a format -> the last ones
    b"\xff\xd8": b"\xff\xd9",  # JPEG
    b"\x89P": b"IEND\xaeB`\x82",  # PNG
    b"GI": b";",  # GIF
}
_STARTS = {b"BM", b"RI", b"II", b"MM", *(b"P%d" % number for number in range(1, 8))}
_LONGEST_END = 8


def looks_damaged(path: Path | str) -> bool:
    """Tells whether a file is likely to be no image, or not whole.

    Some images look so and can be read all the same, such as those with more bytes
    behind their end and those of rare formats.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
            return True
        with open(path, "rb") as file:
            start = file.read(2)
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST_END))
            end = file.read()
    except OSError:
        return True
    return start not in _STARTS and not end.endswith(_ENDS.get(start, b"no image"))
