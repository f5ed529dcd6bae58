"""Files changed at random are read or refused; `benchmarks/fuzz.py` tries thousands."""

import random

import mutations
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


@pytest.mark.parametrize("name", readers.READERS)
def test_a_change_depends_on_its_number_only(name, tmp_path):
    reader = readers.READERS[name]
    content = reader.prepare(tmp_path)[0].read_bytes()
    for seed in range(9):
        one, other = (reader.mutate(random.Random(seed), content) for _ in range(2))
        assert one == other
    changed = {reader.mutate(random.Random(seed), content) for seed in range(9)}
    assert len(changed) > 5


def test_what_escapes_a_reader_is_seen(tmp_path):
    def read(folder, path):
        raise KeyError("escaped")

    (tmp_path / "any").write_bytes(b"content")
    reader = readers.Reader(lambda folder: [folder / "any"], read)
    with pytest.raises(KeyError, match="escaped"):
        reader.attempt(tmp_path, 0, {tmp_path / "any": b"content"})
    assert reader.mutate is mutations.mutate_bytes
