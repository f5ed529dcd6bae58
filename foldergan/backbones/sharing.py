"""Whether two networks share weights."""

import hashlib

import keras
import numpy as np

_LEAST_SIZE = 256  # values of a weight; smaller ones can be equal by chance


def share_weights(one: keras.Model, other: keras.Model) -> bool:
    """Tells whether a weight of one network is in the other, bit for bit.

    An evaluation by the network that a discriminator looks through flatters the GAN.
    Comparing weights finds that network under any name, in a file and below a
    classifier.
    """
    return bool(_digests(one) & _digests(other))


def _digests(network: keras.Model) -> set[bytes]:
    return {
        hashlib.sha256(np.ascontiguousarray(weight).data).digest()
        for weight in network.get_weights()
        if weight.size >= _LEAST_SIZE and weight.std() > 0
    }
