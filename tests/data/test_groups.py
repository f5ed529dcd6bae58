"""What belongs together stays together: of one patient, scene or film."""

import json

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from foldergan.config.settings import Data
from foldergan.data import dataset, groups
from foldergan.data.splits import hold_out, split_by_class, split_in_three
from foldergan.errors import InputError
from foldergan.images import cv2
from foldergan.storage import arrays, filenames

SHAPE = (16, 16, 3)
APART = Data(near_duplicates="ignore")


def patients(seed=0, count=60, classes=3, mixed=0.0):
    """Labels and groups of patients with 1 to 20 slices, most of one class each."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 21, count)
    group_of = np.repeat(np.arange(count), sizes)
    class_ids = np.repeat(rng.integers(0, classes, count), sizes)
    is_other = rng.random(len(class_ids)) < mixed
    class_ids[is_other] = rng.integers(0, classes, is_other.sum())
    order = rng.permutation(len(class_ids))
    return np.eye(classes, dtype=np.float32)[class_ids[order]], group_of[order]


def rows_on_both_sides(group_of, *sides) -> int:
    """Counts groups that have rows on more than one side."""
    on = [set(group_of[rows].tolist()) for rows in sides]
    return sum(len(a & b) for n, a in enumerate(on) for b in on[n + 1 :])


# Splitting by groups.


@pytest.mark.parametrize("mixed", [0.0, 0.2])
@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_no_group_is_on_two_sides_and_every_row_on_one(seed, fraction, mixed):
    labels, group_of = patients(seed, mixed=mixed)
    kept, held = split_by_class(labels, fraction, seed, group_of)
    assert rows_on_both_sides(group_of, kept, held) == 0
    assert sorted([*kept, *held]) == list(range(len(labels)))
    again = split_by_class(labels, fraction, seed, group_of)
    np.testing.assert_array_equal(held, again[1])
    assert (labels[kept].sum(0) > 0).all() and (labels[held].sum(0) > 0).all()


def test_of_three_parts_none_shares_a_group():
    labels, group_of = patients(5, mixed=0.1)
    settings = Data(validation_split=0.2, test_split=0.2)
    parts = split_in_three(labels, settings, 0, group_of)
    assert rows_on_both_sides(group_of, *parts.values()) == 0
    assert sum(map(len, parts.values())) == len(labels)
    for name in ("validation", "test"):
        assert len(parts[name]) / len(labels) == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.3])
@pytest.mark.parametrize("seed", range(5))
def test_the_fraction_of_each_class_is_reached_to_half_a_group(seed, fraction):
    labels, group_of = patients(seed)
    _, held = split_by_class(labels, fraction, seed, group_of)
    missed = labels[held].sum(0) - np.rint(labels.sum(0) * fraction)
    assert (abs(missed) <= 10).all()


def test_classes_are_as_even_as_scikit_learn_makes_them_to_half_a_point():
    """Mean deviation of each class's fraction, over seeds, for a fifth."""
    ours, theirs = [], []
    for seed in range(20):
        labels, group_of = patients(seed, mixed=0.1)
        _, held = split_by_class(labels, 0.2, seed, group_of)
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        _, other = next(folds.split(labels, labels.argmax(1), group_of))
        for found, rows in ((ours, held), (theirs, other)):
            fraction = labels[rows].sum(0) / labels.sum(0)
            found.append(abs(fraction - 0.2).mean())
    assert np.mean(ours) <= np.mean(theirs) + 0.005


@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.5, 0.99])
@pytest.mark.parametrize("seed", range(3))
def test_groups_of_one_row_change_nothing(seed, fraction):
    labels, _ = patients(seed)
    numbers = np.random.default_rng(0).permutation(len(labels))
    plain = split_by_class(labels, fraction, seed)
    grouped = split_by_class(labels, fraction, seed, numbers)
    np.testing.assert_array_equal(plain[1], grouped[1])


def test_few_groups_change_little():
    labels, _ = patients()
    pairs = np.arange(len(labels))
    pairs[:10:2] = pairs[1:10:2]
    before, after = (split_by_class(labels, 0.2, 0, g)[1] for g in (None, pairs))
    assert len(np.setxor1d(before, after)) <= 10


def test_a_class_of_one_group_is_trained_on():
    labels, group_of = patients()
    group_of = np.where(labels[:, 0] == 1, 999, group_of)
    kept, held = split_by_class(labels, 0.4, 0, group_of)
    assert labels[held, 0].sum() == 0 and labels[kept, 0].sum() > 0
    assert labels[held, 1].sum() > 0


def test_a_class_of_large_groups_alone_gives_its_smallest():
    class_ids = np.repeat([0, 0, 1, 1], [50, 40, 30, 30])
    group_of = np.repeat([7, 8, 9, 5], [50, 40, 30, 30])
    labels = np.eye(2, dtype=np.float32)[class_ids]
    _, held = split_by_class(labels, 0.1, 0, group_of)
    assert labels[held].sum(0).tolist() == [40, 30]


# Groups of paths.


def test_the_first_group_or_the_whole_match_names_it():
    paths = ["a/p1_s1.png", "a/p2_s1.png", "b/p1_s2.png"]
    for pattern in (r"p\d+", r"(p\d+)_s", r"/(?:p)(\d)_s(\d)"):
        assert groups.by_path(paths, pattern).tolist() == [0, 1, 0]
    assert groups.by_path(paths, "^[ab]").tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("paths", "pattern", "words"),
    [
        (["a/1.png", "a/2.png"], "z", "no group in 2 of 2 paths, such as a/1.png"),
        (["a/1.png", "a/2.png"], "1", "no group in 1 of 2 paths, such as a/2.png"),
        (["a/1.png", "a/2.png"], "(x)?a", "no group in 2 of 2 paths"),
        (["a/1.png", "a/2.png"], "a", "finds one group only, a, so"),
        (None, "a", "were made elsewhere, or not from files"),
    ],
)
def test_an_expression_that_does_not_fit_is_refused(paths, pattern, words):
    with pytest.raises(InputError, match=words) as refused:
        groups.by_path(paths, pattern)
    assert "group_by" in refused.value.options


def make_arrays(folder, names):
    """Draws images that are all different, at these paths, and makes their arrays."""
    rng = np.random.default_rng(0)
    for name in names:
        path = folder / "dataset" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 255, (6, 6, 3), np.uint8)
        cv2.imwrite(str(path), cv2.resize(coarse, (48, 48)))
    build(folder)


def build(folder):
    dataset.build(folder / "dataset", folder, Data(image_shape=SHAPE))


def grouping_of(folder, settings) -> groups.Grouping:
    return groups.load(folder, arrays.identify(folder), settings)


def test_paths_are_those_of_the_images_that_were_read(tmp_path):
    names = [f"{c}/p{n}_{s}.png" for c in "ab" for n in (1, 2) for s in (1, 2)]
    make_arrays(tmp_path, names)
    (tmp_path / "dataset" / "a" / "p0_0.png").write_text("no image")
    for _ in range(2):  # made, and left as it is
        build(tmp_path)
        assert arrays.load_files(tmp_path) == sorted(names)
        found = grouping_of(tmp_path, Data(group_by=r"p\d"))
        assert found.group_of.tolist() == [0, 0, 1, 1] * 2


def test_an_odd_name_stays_on_its_line(tmp_path):
    make_arrays(tmp_path, ["a/1.png", "a/2.png", "b/3.png"])
    (tmp_path / "dataset" / "a" / "2.png").rename(tmp_path / "dataset/a/2\n\u2028.png")
    build(tmp_path)
    assert arrays.load_files(tmp_path) == ["a/1.png", "a/2\\n\u2028.png", "b/3.png"]


def test_arrays_of_before_are_read_again_for_their_paths(tmp_path, capsys):
    make_arrays(tmp_path, ["a/1.png", "b/2.png"])
    path = tmp_path / filenames.ORIGIN
    content = json.loads(path.read_text())
    del content["arrays"][filenames.FILES], content["sha256"]
    path.write_text(json.dumps(content))
    assert arrays.load_files(tmp_path) is None
    build(tmp_path)
    assert "not read again" not in capsys.readouterr().out
    assert arrays.load_files(tmp_path) == ["a/1.png", "b/2.png"]


def test_paths_of_other_arrays_are_refused(tmp_path):
    make_arrays(tmp_path, ["a/1.png", "b/2.png"])
    (tmp_path / filenames.FILES).write_text("a/9.png\nb/2.png\n")
    with pytest.raises(InputError, match=r"img_files\.txt is not the file"):
        arrays.load_files(tmp_path)


# What is said of them.


def told(labels, grouping, settings, capsys, **how):
    parts, at_random = groups.split(
        grouping, lambda g: split_in_three(labels, settings, 0, g)
    )
    groups.tell(grouping, settings, parts, at_random, labels.argmax(1), list("xyz"))
    return parts, capsys.readouterr().out


def test_what_a_random_split_would_have_done_is_said(capsys):
    labels, group_of = patients(mixed=0.0)
    grouping = groups.Grouping(group_of, group_of)
    parts, said = told(labels, grouping, Data(group_by="p"), capsys)
    _, random = split_by_class(labels, 0.2, 0)
    rest = np.setdiff1d(np.arange(len(labels)), random)
    beside = np.isin(group_of[random], group_of[rest]).sum()
    assert f"at random {beside} of {len(random)} held-out images would" in said
    assert "several classes" not in said and "warning" not in said


def test_groups_of_several_classes_and_classes_of_one_group_are_said(capsys):
    labels, group_of = patients(mixed=0.0)
    group_of = np.where(labels[:, 0] == 1, 998, group_of)
    spanning = (
        np.flatnonzero(labels[:, 1] == 1)[0],
        np.flatnonzero(labels[:, 2] == 1)[0],
    )
    group_of[list(spanning)] = 999
    _, numbers = np.unique(group_of, return_inverse=True)
    _, said = told(labels, groups.Grouping(numbers, numbers), Data(), capsys)
    assert "note: 1 groups have several classes; each group stays whole" in said
    assert "warning: all images of x are of one group, so that none" in said


def test_groups_too_large_to_hold_out_are_refused(capsys):
    labels = np.eye(2, dtype=np.float32)[np.repeat([0, 1], 20)]
    numbers = np.repeat([0, 1], 20)
    with pytest.raises(InputError, match="40 images in 2 groups leave none for valid"):
        told(labels, groups.Grouping(numbers, numbers), Data(group_by="p"), capsys)
    near = groups.Grouping(numbers, None, numbers)
    parts, said = told(labels, near, Data(), capsys)
    assert "they are split at random" in said and len(parts["validation"]) == 8
    grouping = groups.Grouping(numbers, numbers)
    with pytest.raises(InputError, match="in 2 groups leaves 0 to evaluate by"):
        groups.split(grouping, lambda g: hold_out(labels, 0.2, 0, g))


def test_paths_and_near_duplicates_are_joined(tmp_path):
    names = [f"{c}/p{n}_{s}.png" for c in "ab" for n in range(4) for s in (1, 2)]
    make_arrays(tmp_path, names)
    one, other = (tmp_path / "dataset" / name for name in (names[0], names[-1]))
    other.write_bytes(one.read_bytes())
    build(tmp_path)
    found = grouping_of(tmp_path, Data(group_by=r"./p\d"))
    assert found.near[0] == found.near[15] and len(set(found.near)) == 15
    assert len(set(found.named)) == 8 and len(set(found.group_of)) == 7
    assert len({*found.group_of[[0, 1, 14, 15]]}) == 1
    ignored = grouping_of(tmp_path, Data(group_by="p.", near_duplicates="ignore"))
    np.testing.assert_array_equal(ignored.group_of, ignored.named)
    assert grouping_of(tmp_path, APART).group_of is None
