"""Whether two networks are the same one underneath."""

import keras
from keras import layers
from tiny_backbone import save_tiny

from foldergan.backbones import loading, sharing, sources


def below_a_classifier(backbone):
    pooled = layers.GlobalAveragePooling2D()(backbone.outputs[-1])
    return keras.Model(backbone.inputs[0], layers.Dense(3)(pooled))


def test_a_classifier_shares_the_backbone_below_it(tmp_path):
    path = str(save_tiny(tmp_path))
    one = loading.load_backbone(path, (32, 32, 3))
    other = loading.load_backbone(path, (64, 64, 3))
    assert sharing.share_weights(one, below_a_classifier(other))


def test_the_same_layers_with_other_weights_are_another_network(tmp_path):
    path = str(save_tiny(tmp_path))
    one = loading.load_backbone(path, (32, 32, 3))
    other = loading.load_backbone(path, (32, 32, 3))
    other.set_weights([weight + 0.1 for weight in other.get_weights()])
    assert not sharing.share_weights(one, other)


def test_a_fingerprint_is_of_what_the_file_holds(tmp_path):
    path = save_tiny(tmp_path)
    before = sources.fingerprint(str(path))
    assert before == sources.fingerprint(str(path)) and path.name in before
    path.write_bytes(path.read_bytes() + b" ")
    assert sources.fingerprint(str(path)) != before
    assert sources.fingerprint("EfficientNetB0") == "EfficientNetB0"
