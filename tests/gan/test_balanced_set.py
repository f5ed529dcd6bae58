"""Classes that are filled with images that a classifier accepts."""

import json

import numpy as np
import pytest

from foldergan.errors import InputError
from foldergan.gan import balanced_set, drawing, sampling
from foldergan.gan.balanced_set import BalancedSet

NAMES = ["a", "b", "c"]


class Generator:
    """Stands for a network: its images are its latent vectors."""

    inputs = [np.zeros((1, 2))]


@pytest.fixture
def networks(monkeypatch):
    """Networks of which `said` decides: (latents, class_ids) -> probabilities."""

    def networks(said, num_classes=3):
        def draw(networks, batches):
            for inputs in batches:
                latents, ids = inputs if num_classes else (inputs, None)
                yield drawing.Drawn(latents, said(latents, ids), ids)

        monkeypatch.setattr(drawing, "draw", draw)
        monkeypatch.setattr(sampling, "num_classes_of", lambda _: num_classes)
        return drawing.Networks(Generator(), None, NAMES, (), num_classes, None)

    return networks


def confident(shares):
    """Calls each image what it was drawn for, with a probability from the image."""

    def said(latents, ids):
        sure = 0.5 + 0.5 * np.abs(np.tanh(latents[:, :1]))
        others = np.eye(3)[(ids + 1) % 3]
        is_called = np.array(shares)[ids][:, None] > np.abs(np.sin(9 * latents[:, 1:]))
        return np.where(is_called, np.eye(3)[ids] * sure + 1e-3, others)

    return said


def fill(networks, wanted, least=0.6, state=None, seed=0, most=None):
    """Returns the set, and (class, number) -> image, after `most` batches at most."""
    drawn, images = BalancedSet(NAMES, np.array(wanted), least, state), {}
    for count, accepted in enumerate(drawn.batches(networks, seed), 1):
        images |= {(each.class_id, each.number): each.image for each in accepted}
        if count == most:
            break
    return drawn, images


def test_each_class_gets_as_many_as_are_wanted_and_no_more(networks):
    drawn, images = fill(networks(confident([1, 0.3, 0.5])), [5, 30, 0])
    assert drawn.kept.tolist() == [5, 30, 0]
    assert set(images) == {(0, n) for n in range(1, 6)} | {(1, n) for n in range(1, 31)}
    assert drawn.problems() == []
    assert len({image.tobytes() for image in images.values()}) == 35


def test_only_what_is_called_its_class_with_enough_confidence_is_kept(networks):
    _, images = fill(networks(confident([0.5, 0.5, 0.5])), [20, 20, 20], least=0.8)
    for (class_id, _), latents in images.items():
        said = confident([0.5] * 3)(latents[None], np.array([class_id]))
        assert said.argmax() == class_id and said.max() >= 0.8


def test_near_copies_are_left_out_and_counted(networks):
    """Of what the classifier accepts; the class is filled with others."""
    drawn, images = BalancedSet(NAMES, np.array([20, 0, 0]), 0.6), []
    for accepted in drawn.batches(
        networks(confident([1, 1, 1])), 0, lambda images: images[:, 0] > 0
    ):
        images += [each.image for each in accepted]
    assert len(images) == 20 and max(image[0] for image in images) <= 0
    left_out = drawn.state()["copies"][0]
    assert 0 < left_out < drawn.state()["drawn"][0]
    # Where all are, the class is given up and the reason is said.
    drawn = BalancedSet(NAMES, np.array([1, 0, 0]), 0.6)
    everything = networks(confident([1, 1, 1]))
    for _ in drawn.batches(everything, 0, lambda images: images[:, 0] < np.inf):
        pass
    (sentence,) = drawn.problems()
    assert sentence.endswith(f"and {drawn.state()['copies'][0]} were near copies")


@pytest.mark.parametrize("most", [1, 2, 3])
def test_going_on_from_a_saved_state_draws_what_an_unbroken_run_draws(networks, most):
    both = networks(confident([0.2, 0.1, 0.3]))
    whole, at_once = fill(both, [90, 50, 20])
    half, before = fill(both, [90, 50, 20], most=most)
    state = json.loads(json.dumps(half.state()))
    end, after = fill(both, [90, 50, 20], state=state)
    assert not set(before) & set(after) and before and after
    assert end.state() == whole.state()
    joined = before | after
    assert set(joined) == set(at_once)
    for key, image in at_once.items():
        np.testing.assert_array_equal(joined[key], image)


def test_another_seed_draws_others(networks):
    both = networks(confident([1, 1, 1]))
    one, other = (fill(both, [9, 9, 9], seed=seed)[1] for seed in (0, 1))
    assert (one[0, 1] != other[0, 1]).any()


def test_a_class_that_is_never_accepted_is_given_up_with_the_reason(networks):
    drawn, _ = fill(networks(confident([1, 0, 1])), [3, 3, 3], least=0.6)
    assert drawn.kept.tolist() == [3, 0, 3]
    (sentence,) = drawn.problems()
    number = drawn.state()["drawn"][1]
    assert 1000 <= number <= 1400
    assert sentence == (
        f"b has 0 of 3 images: of {number} drawn the classifier called {number} "
        f"otherwise, {number} of them c, and 0 b with a probability below 0.6"
    )


def test_a_class_that_is_never_sure_is_given_up_with_the_reason(networks):
    drawn, _ = fill(networks(confident([1, 1, 1])), [0, 0, 3], least=0.9999)
    assert 0 <= drawn.kept[2] < 3
    (sentence,) = drawn.problems()
    assert "called 0 otherwise and" in sentence and "below 0.9999" in sentence


def test_a_class_that_is_seldom_accepted_is_filled_all_the_same(networks):
    drawn, _ = fill(networks(confident([0.02, 1, 1])), [20, 0, 0])
    assert drawn.kept[0] == 20 and drawn.state()["drawn"][0] > 500


def test_without_classes_an_image_is_of_the_class_that_is_seen_in_it(networks):
    def said(latents, ids):
        return np.eye(3)[(latents[:, 0] > 0.5).astype(int)] * 0.7 + 0.1

    drawn, images = fill(networks(said, num_classes=0), [10, 10, 10], least=0.5)
    assert drawn.kept.tolist() == [10, 10, 0]
    assert all((image[0] > 0.5) == class_id for (class_id, _), image in images.items())
    (sentence,) = drawn.problems()
    assert sentence.startswith("c has 0 of 10 images") and "of them a," in sentence


def test_batches_are_small_where_little_is_missing_and_never_large(networks):
    sizes = []

    def said(latents, ids):
        sizes.append(len(latents))
        return confident([0.9, 0.9, 0.9])(latents, ids)

    fill(networks(said), [400, 0, 0])
    assert sizes[0] == 256 == max(sizes) and sizes[-1] < 256
    sizes.clear()
    fill(networks(said), [1, 0, 0])
    assert sizes == [32]


def test_what_is_missing_levels_the_classes():
    counts = np.array([5, 9, 0])
    assert balanced_set.missing(counts, NAMES).tolist() == [4, 0, 9]
    with pytest.raises(InputError, match="none is missing"):
        balanced_set.missing(np.array([4, 4, 4]), NAMES)
    with pytest.raises(InputError, match="labels are of 2 classes"):
        balanced_set.missing(np.array([4, 5]), NAMES)


def test_nothing_to_draw_is_no_export():
    with pytest.raises(InputError, match="no image of this class is missing"):
        BalancedSet(["a", "b"], np.array([0, 0]), 0.5)
