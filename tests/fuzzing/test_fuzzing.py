"""Files changed at random are read or refused; `benchmarks/fuzz.py` tries thousands."""

import pytest
import readers

MANY, FEW = 40, 6  # networks take longer


@pytest.mark.parametrize("name", readers.READERS)
def test_a_changed_file_is_taken_or_refused(name, tmp_path, capsys):
    reader = readers.READERS[name]
    files = {path: path.read_bytes() for path in reader.prepare(tmp_path)}
    reader.check(tmp_path, files)
    outcomes = {
        reader.attempt(tmp_path, seed, files)
        for seed in range(FEW if name in readers.WITH_KERAS else MANY)
    }
    assert outcomes <= {"taken", "refused"}
    assert {path: path.read_bytes() for path in files} == files
