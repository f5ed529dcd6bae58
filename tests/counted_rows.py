"""An array that can be read by rows alone, and notes how many at once."""

import numpy as np


class CountedRows:
    """Stands for an array on disk that is more than memory holds.

    It has nothing but a shape, a length and rows: what asks for all of it, such as
    `np.asarray`, gets an error, as does what reads too many rows at once.

    Args:
        array: to read rows of.
        most: rows that may be read at once.
    """

    def __init__(self, array: np.ndarray, most: int):
        self._array, self._most = array, most
        self.shape = array.shape

    def __len__(self):
        return len(self._array)

    def __getitem__(self, rows):
        assert rows.size <= self._most, f"{rows.size} of {len(self)} rows are read"
        return self._array[rows]

    def __array__(self, *args, **kwargs):
        raise AssertionError("the whole array is read")
