"""Which processes train together, and how odd statements end."""

import pytest

from foldergan.errors import InputError
from foldergan.workers import cluster

GIVEN = {
    cluster.ADDRESSES: "127.0.0.1:1234,10.0.0.2:1234",
    cluster.COUNT: "2",
    cluster.NUMBER: "1",
    "KERAS_BACKEND": "jax",
}


@pytest.fixture
def stated(monkeypatch):
    """Reads the environment with some values of others."""

    def read(**changed):
        for name, value in (GIVEN | changed).items():
            monkeypatch.setenv(name, value)
        return cluster.stated()

    return read


def test_the_first_address_is_that_of_the_first_process(stated):
    assert stated() == cluster.Cluster("127.0.0.1", 1234, 2, 1)


def test_one_process_is_alone(stated):
    assert stated(**dict.fromkeys(GIVEN, "")) is None
    assert stated(**{cluster.COUNT: "1"}) is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("KERAS_BACKEND", "tensorflow", "KERAS_BACKEND=jax.*keras#20585"),
        (cluster.NUMBER, "", "PROCESS_ID must be set too"),
        (cluster.NUMBER, "2", "of 2 processes it is 0 to 1"),
        (cluster.NUMBER, "-1", "'-1', not a whole number"),
        (cluster.COUNT, "two", "'two', not a whole number"),
        (cluster.COUNT, "3", "names 2 processes and .* is 3"),
        (cluster.ADDRESSES, "127.0.0.1", "not such as 10.0.0.1:1234"),
        (cluster.ADDRESSES, "127.0.0.1:99999", "not such as 10.0.0.1:1234"),
        (cluster.ADDRESSES, "8.8.8.8:1234", "is a public address"),
        (cluster.ADDRESSES, "[2001:4860:4860::8888]:1", "is a public address"),
        (cluster.ADDRESSES, "nowhere.invalid:1234", "nowhere.invalid is not known"),
    ],
)
def test_odd_statements_end_in_a_sentence(stated, name, value, said):
    with pytest.raises(InputError, match=said):
        stated(**{name: value})


@pytest.mark.parametrize("name", ["TrainModel.py", "GeneratePredict.py"])
def test_a_script_that_runs_on_one_process_refuses_several(script, monkeypatch, name):
    for variable, value in GIVEN.items():
        monkeypatch.setenv(variable, value)
    result = script(name, "--preset", "smoke")
    assert result.code == 2
    assert f"{name} runs on one process" in result.err
    assert result.err.strip().count("\n") == 0
