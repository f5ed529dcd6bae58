"""Which processes train together, as Keras' own environment variables say."""

import ipaddress
import os
import re
import socket
from dataclasses import dataclass

from foldergan.errors import InputError

ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
COUNT = "KERAS_DISTRIBUTION_NUM_PROCESSES"
NUMBER = "KERAS_DISTRIBUTION_PROCESS_ID"


@dataclass(frozen=True)
class Cluster:
    """The processes of a training.

    Attributes:
        host: of the first process, a loopback or private address.
        port: that it listens on.
        count: processes in all, from 2.
        number: of this process, from 0.
    """

    host: str
    port: int
    count: int
    number: int


def stated() -> Cluster | None:
    """Reads which processes train together; None where this one is alone.

    Raises:
        InputError: the variables are incomplete or odd, the address is a public one,
            or the backend is another than JAX.
    """
    given = {name: os.environ.get(name, "") for name in (ADDRESSES, COUNT, NUMBER)}
    if not any(given.values()) or given[COUNT] == "1":
        return None
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "jax":
        raise InputError(
            f"{_named(given)}: several processes need KERAS_BACKEND=jax, for "
            "TensorFlow's MultiWorkerMirroredStrategy does not work with Keras 3.15 "
            "(keras-team/keras#20585)"
        )
    if missing := [name for name, value in given.items() if not value]:
        raise InputError(f"{_named(given)}: {' and '.join(missing)} must be set too")
    count, number = (_whole_number(name) for name in (COUNT, NUMBER))
    if number >= count:
        raise InputError(
            f"{NUMBER} is {number}; of {count} processes it is 0 to {count - 1}"
        )
    addresses = given[ADDRESSES].split(",")
    if len(addresses) not in (1, count):
        raise InputError(
            f"{ADDRESSES} names {len(addresses)} processes and {COUNT} is {count}"
        )
    return Cluster(*_address(addresses[0].strip()), count, number)


def refuse_several(script: str) -> None:
    """Refuses several processes in a script that runs on one.

    Args:
        script: its name.

    Raises:
        InputError: several are stated.
    """
    if stated():
        raise InputError(
            f"{script} runs on one process, and {COUNT} is {os.environ[COUNT]}; unset "
            "it; GANModel.py alone trains on several"
        )


def _named(given: dict[str, str]) -> str:
    return " and ".join(f"{name} is {value}" for name, value in given.items() if value)


def _whole_number(name: str) -> int:
    value = os.environ[name]
    if not re.fullmatch("[0-9]{1,6}", value):
        raise InputError(f"{name} is {value!r}, not a whole number")
    return int(value)


def _address(text: str) -> tuple[str, int]:
    """Reads the address of the first process, and refuses those of the internet."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise InputError(f"{ADDRESSES} is {text!r}, not such as 10.0.0.1:1234")
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except OSError as error:
        raise InputError(
            f"{ADDRESSES}: the host {host} is not known: {error.strerror}"
        ) from error
    if any(ipaddress.ip_address(each[4][0]).is_global for each in found):
        raise InputError(
            f"{ADDRESSES}: {host} is a public address; the processes trust whoever "
            "reaches their ports: use a loopback or a private one"
        )
    return host, int(port)
