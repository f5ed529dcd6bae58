"""Which processes train together, and how odd statements end."""

import pytest

from foldergan import team
from foldergan.errors import InputError

GIVEN = {
    team._ADDRESSES: "127.0.0.1:1234,10.0.0.2:1234",
    team._COUNT: "2",
    team._NUMBER: "1",
    "KERAS_BACKEND": "jax",
}


@pytest.fixture
def stated(monkeypatch):
    """Reads the environment with some values of others."""

    def read(**changed):
        for name, value in (GIVEN | changed).items():
            monkeypatch.setenv(name, value)
        return team.cluster()

    return read


def test_the_first_address_is_that_of_the_first_process(stated):
    assert stated() == ("127.0.0.1:1234", 2, 1)


def test_one_process_is_alone(stated):
    assert stated(**dict.fromkeys(GIVEN, "")) is None
    assert stated(**{team._COUNT: "1"}) is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("KERAS_BACKEND", "tensorflow", "KERAS_BACKEND=jax.*keras#20585"),
        (team._NUMBER, "", "'', not a whole number"),
        (team._NUMBER, "2", "of 2 processes it is 0 to 1"),
        (team._NUMBER, "-1", "'-1', not a whole number"),
        (team._COUNT, "two", "'two', not a whole number"),
        (team._COUNT, "3", "names 2 processes and .* is 3"),
        (team._ADDRESSES, "127.0.0.1", "not such as 10.0.0.1:1234"),
        (team._ADDRESSES, "127.0.0.1:99999", "not such as 10.0.0.1:1234"),
        (team._ADDRESSES, "8.8.8.8:1234", "is a public address"),
        (team._ADDRESSES, "[2001:4860:4860::8888]:1", "is a public address"),
        (team._ADDRESSES, "nowhere.invalid:1234", "nowhere.invalid is not known"),
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
