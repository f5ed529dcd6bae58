"""Whether two networks are the same one underneath."""

import hashlib

import keras
import numpy as np

_LEAST_SIZE = 256  # numbers of a weight; small ones can be equal by chance


def share_weights(one: keras.Model, other: keras.Model) -> bool:
    """Tells whether a weight of one network stands in the other, to the last bit.

    A judge that shares the network that a discriminator looks through flatters the
    GAN. By weights it is found under any name, in a file and below a classifier.
    """
    return bool(_digests(one) & _digests(other))


def _digests(network: keras.Model) -> set[bytes]:
    return {
        hashlib.sha256(np.ascontiguousarray(weight).data).digest()
        for weight in network.get_weights()
        if weight.size >= _LEAST_SIZE and weight.std() > 0
    }
