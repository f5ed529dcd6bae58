"""The page: what is on it, what is escaped, how large it gets."""

import base64
import datetime
import hashlib
import re
import shutil
import tomllib
from html.parser import HTMLParser

import numpy as np
import pytest
import report_folder
from conftest import ROOT
from report_folder import CLASSES, NASTY

from foldergan.report import classifier, dataset, generator, page, predictions
from foldergan.report.run import RunReport
from foldergan.storage import filenames, plots, tables


class Elements(HTMLParser):
    """Every element of a page: its tag and its attributes."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def of(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.found if name == tag]

    def ids(self) -> list[str]:
        return [a["id"] for _, a in self.found if "id" in a]


def sections(text: str) -> list[str]:
    return [attributes["id"] for attributes in Elements(text).of("section")]


def test_an_empty_folder_has_a_page_that_says_what_to_do(tmp_path):
    text = page.render(tmp_path)
    assert sections(text) == [] and "start with TrainModel.py" in text


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("dataset", "report/dataset.json"),
        ("classifier", "train_history.csv"),
        ("gan", "gan_history.csv"),
        ("generated", "report/predictions.json"),
        ("help", "does_it_help.csv"),
        ("runs", "run_TrainModel.json"),
    ],
)
def test_a_section_is_there_when_its_file_is(filled, tmp_path, section, name):
    assert section in sections(page.render(filled))
    (tmp_path / "report").mkdir()
    shutil.copy(filled / name, tmp_path / name)
    text = page.render(tmp_path)
    assert sections(text) == [section] and "could not be shown" not in text


def test_everything_is_on_the_page(filled):
    text = page.render(filled)
    assert "could not be shown" not in text
    for words in (
        "Skipped files",
        "1 could not be read",
        "recognises 33 of 36 held-out images (validation)",
        "epoch 2</b> is kept",
        "Nearest neighbours",
        "12 images generated with generator_best.h5",
        "latent_dim",
        "GeneratePredict.py",
    ):
        assert words in text


def test_why_a_checkpoint_is_the_best_is_said(model_dir):
    def why() -> str:
        text = page.render(model_dir)
        return " ".join(
            re.search(r"Of 4 evaluated checkpoints,.*?</p>", text, re.S)[0].split()
        )

    assert "held-out images, 1, is the lowest." in why()
    rows = tables.load_csv(model_dir / filenames.QUALITY)
    rows[3] |= {"kernel_distance": "1.01", "kernel_distance_floor": "1.5"}
    rows[3] |= {"kernel_distance_error": "0.02"}
    tables.save_csv(model_dir / filenames.QUALITY, rows)
    assert "epoch 4</b>" in why() and "lowest (1, epoch 2)" in why()
    assert "cannot be distinguished" in why()


def test_the_loss_of_the_pre_training_is_shown_until_it_is_over(model_dir):
    def summaries() -> str:
        return " ".join(re.findall('alt="([^"]+)"', page.render(model_dir)))

    warm_up = [{"epoch": n, "reconstruction_loss": 2.0} for n in (1, 2)]
    tables.save_csv(model_dir / "gan_history.csv", warm_up)
    assert "reconstruction loss" in summaries()
    after = [{"epoch": n, "d_loss": 0.6, "real_accuracy": 0.5} for n in (3, 4)]
    tables.save_csv(model_dir / "gan_history.csv", [*warm_up, *after])
    assert "discriminator" in summaries() and "reconstruction" not in summaries()


def test_of_one_point_there_is_no_chart_and_of_one_grid_no_slider(model_dir):
    text = page.render(model_dir)
    assert text.count('class="chart"') == 6 and 'id="epoch"' in text
    for name in ("train_history.csv", "gan_history.csv", filenames.QUALITY):
        rows = tables.load_csv(model_dir / name)
        tables.save_csv(model_dir / name, rows[:1])
    text = page.render(model_dir)
    assert 'class="chart"' not in text and 'id="epoch"' not in text
    assert "Sample grid of epoch 1" in text


def test_bars_of_classes_are_for_those_that_are_unbalanced(filled, tmp_path):
    assert '<svg class="bar"' not in page.render(filled)
    found = tables.load_json(filled / "report" / "dataset.json")
    (tmp_path / "report").mkdir()
    tables.save_json(tmp_path / "report/dataset.json", found | {"counts": [3, 9, 4]})
    text = page.render(tmp_path)
    assert text.count('<svg class="bar"') == 3
    assert "<code>--class-weights balanced</code>" in text
    shutil.copy(filled / "run_TrainModel.json", tmp_path)
    record = tables.load_json(filled / "run_TrainModel.json")
    record["preset"]["classifier"]["class_weights"] = "balanced"
    tables.save_json(tmp_path / "run_TrainModel.json", record)
    assert "gave the rare ones more weight" in page.render(tmp_path)


def test_the_rows_of_a_grid_are_named_where_each_has_a_class(model_dir):
    assert "Rows:" not in page.render(model_dir)
    record = tables.load_json(model_dir / "run_GANModel.json")
    record["preset"]["gan"]["conditioning"] = "class"
    tables.save_json(model_dir / "run_GANModel.json", record)
    assert "Rows: boat, &lt;script&gt;" in page.render(model_dir)


def test_three_metrics_are_explained_and_the_others_folded(model_dir):
    more = {"precision": 0.5, "coverage": 0.7, "closer_to_training_share": 0.5}
    rows = [row | more for row in tables.load_csv(model_dir / filenames.QUALITY)]
    tables.save_csv(model_dir / filenames.QUALITY, rows)
    text = page.render(model_dir)
    shown, folded = text.split("3 more metrics")
    for part, names in (
        (shown, ["KID", "Coverage", "Copying"]),
        (folded, ["Near copies", "Precision", "Fréchet distance"]),
    ):
        assert re.findall("<dt>(?!Preset|Date|Duration)(.*?)</dt>", part) == names


def test_figures_of_classes_are_shown_where_they_are(model_dir):
    def text() -> str:
        return re.sub("<[^>]*>", "", page.render(model_dir))

    (model_dir / filenames.CLASSIFIER_CLASSES).unlink()
    assert "92 %" in text() and "Figures of each class" not in text()
    ends = {"recall_low": 0.646, "recall_high": 0.985, "f1": ""}
    row = {"part": "validation", "pictures": 12, "recall": 0.917, **ends}
    rows = [row | {"part": "training", "class": "boat", "recall_low": 0.111}]
    rows += [row | {"class": name} for name in CLASSES]
    tables.save_csv(model_dir / filenames.CLASSIFIER_CLASSES, rows)
    assert text().count("92 % 65–98") == text().count("91.7 %\n64.6–98.5–") == 3
    empty = {"pictures": 0, "confidence": "", "accuracy": ""}
    ends = {"accuracy_low": 0.5, "accuracy_high": 0.9}
    full = {"pictures": 9, "confidence": 0.85, "accuracy": 0.75} | ends
    tables.save_csv(model_dir / filenames.CLASSIFIER_RELIABILITY, [empty, full])
    assert "Calibration, confidence 0.85 to 0.85. Lines" in page.render(model_dir)


def test_of_unbalanced_classes_the_verdict_is_balanced_accuracy(model_dir):
    def verdict() -> str:
        found = re.search('class="verdict">(.*?)</p>', page.render(model_dir))[1]
        return " ".join(re.sub("<[^>]*>", "", found).split())

    (row,) = tables.load_csv(model_dir / "train_evaluation.csv")
    tables.save_csv(
        model_dir / "train_evaluation.csv", [row | {"headline": "accuracy"}]
    )
    assert verdict().startswith(
        "36 images in 3 classes; classifier 91.7 % on held-out images; after "
    )
    assert verdict().endswith(
        " s of GAN training 100 % of generated images are recognised as intended."
    )
    tables.save_csv(model_dir / "train_evaluation.csv", [row])
    assert "classifier 80 % balanced accuracy on held-out images" in verdict()


def test_nearest_images_of_another_generator_are_not_shown(model_dir):
    """A run was killed between a better checkpoint and its row of the table."""
    assert "Nearest neighbours" in page.render(model_dir)
    figures = tables.load_json(model_dir / filenames.BEST_FIGURES)
    tables.save_json(model_dir / filenames.BEST_FIGURES, figures | {"epoch": 3})
    assert "Nearest neighbours" not in page.render(model_dir)


def test_what_helped_is_told_apart_from_chance(filled):
    text = page.render(filled)
    rows = re.findall(r'<tr><th scope="row">(.*?)</tr>', text)
    cells = [re.sub("<[^>]*>", "|", row).split("|") for row in rows]
    found = {row[0]: [cell for cell in row[1:] if cell] for row in cells}
    recalls = ["62.5%"] * len(CLASSES)
    assert found["nothing"] == ["15", "40", "70.0%", *recalls]
    assert found["class weights"][3:] == ["+2.0 (-1.0 to +5.0)", *recalls]
    assert found["drawn, 1 to 1"][3:5] == ["+3.1 (+1.2 to +5.0)", "better"]
    assert found["drawn images alone"][3:5] == ["-30.0 (-35.0 to -25.0)", "worse"]


def test_without_evaluation_nothing_is_called_the_best(model_dir):
    (model_dir / filenames.QUALITY).unlink()
    text = page.render(model_dir)
    assert (
        "No checkpoint was evaluated" in text and "<code>--held-out 0.1</code>" in text
    )
    assert all(
        "best" not in f["data-label"]
        for f in Elements(text).of("img")
        if "data-label" in f
    )


def test_names_are_escaped_everywhere(filled):
    text = page.render(filled)
    assert NASTY in CLASSES and NASTY not in text
    elements = Elements(text)
    assert len(elements.of("script")) == 1
    values = {each.get("value") for each in elements.of("option")}
    assert set(CLASSES) <= values
    assert any(NASTY in each["alt"] for each in elements.of("img"))


def test_nothing_but_the_page_itself_is_referred_to(filled):
    text = page.render(filled)
    assert not re.search(r"https?:|url\(|@import", text)
    ids = Elements(text).ids()
    assert len(ids) == len(set(ids))
    for tag, attributes in Elements(text).found:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            value = attributes.get(name)
            if value is not None:
                assert value.startswith("data:") or value[1:] in ids, (tag, value[:80])
        assert not any(name.startswith("on") or name == "style" for name in attributes)


def test_only_its_own_script_and_style_may_run(filled):
    text = page.render(filled)
    (policy,) = (m["content"] for m in Elements(text).of("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'; img-src data:;")
    for tag in ("script", "style"):
        own = re.search(f"<{tag}>(.*?)</{tag}>", text, re.S)[1]
        digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_every_image_has_an_alternative_text(filled):
    images = Elements(page.render(filled)).of("img")
    assert len(images) > 60 and all(each["alt"].strip() for each in images)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("report/dataset.json", b"[1, 2"),
        ("report/dataset.json", b"{}"),
        ("report/confusions.json", b'{"classes": []}'),
        ("train_history.csv", b"epoch,loss\n1,many\n"),
        ("gan_history.csv", b"\xff\xfe\n\x00"),
        ("gan_quality.csv", b"epoch\n1\n"),
        ("generated_plot_e002.png", b"no picture"),
        ("report/predictions.json", b"null and void"),
        ("report/times_GANModel.json", b"[1]"),
        ("run_TrainModel.json", b"[1]"),
    ],
)
def test_a_damaged_file_costs_one_part_and_not_the_page(model_dir, name, content):
    before = sections(page.render(model_dir))
    (model_dir / name).write_bytes(content)
    text = page.render(model_dir)
    assert "This part could not be shown" in text
    assert set(before) - set(sections(text)) and len(sections(text)) >= 3


def test_grids_of_another_training_are_left_out_whatever_their_times(model_dir):
    def shown() -> list[str]:
        images = Elements(page.render(model_dir)).of("img")
        return [each["data-label"] for each in images if "data-label" in each]

    assert shown() == ["epoch 1", "epoch 2, the best checkpoint", "epoch 3", "epoch 4"]
    other = model_dir / "generated_plot_e003.png"
    plots.save_image_grid(other, report_folder.pictures(49), 7, "another")
    shutil.copy(
        model_dir / "generated_plot_e004.png", model_dir / "generated_plot_e009.png"
    )
    assert shown() == ["epoch 1", "epoch 2, the best checkpoint", "epoch 4"]


def test_while_a_classifier_trains_the_figures_of_an_earlier_one_are_not_shown(filled):
    history = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.5}]
    text = page.render(filled, history)
    assert "In training: epoch 2" in text
    assert "Confusion matrix" not in text and "classifier in training, epoch 2" in text


@pytest.mark.slow
def test_a_thousand_classes_and_many_grids_stay_below_ten_megabytes(tmp_path):
    """Noise of 64 pixels is the worst that a thumbnail can be asked to hold."""
    model_dir = tmp_path / "model"
    model_dir.mkdir()
    names = [f"class number {number} with a long name" for number in range(1000)]
    report = RunReport(model_dir, "TrainModel")
    report_folder.add_dataset(report, tmp_path, names)
    report_folder.add_classifier(model_dir, report, names)
    report_folder.add_predictions(report, names, 3000)
    report_folder.add_gan(model_dir, list(range(1, 101)))
    report.update()
    text = (model_dir / filenames.REPORT).read_text()
    assert len(text.encode()) < 10_000_000
    assert "could not be shown" not in text
    assert len(re.findall(r'class="frame"', text)) <= 49
    assert "epoch 2, the best checkpoint" in text
    for words in (
        "sample grids are left out, evenly, to keep the page small",
        "of 3000 are here, evenly chosen, to keep the page small",
        "shows fewer images of each class",
        "The 60 most frequent of 1000 classes",
    ):
        assert words in " ".join(text.split())


def test_the_parts_together_cannot_pass_ten_megabytes():
    parts = (dataset, classifier, predictions)
    images = sum(part._BYTES for part in parts) + generator._FRAME_BYTES
    assert images < 9_000_000  # what is left is for text and the nearest neighbours


def test_many_classes_are_listed_by_the_worst_confusions(tmp_path):
    names = [f"c{number}" for number in range(31)]
    report = RunReport(tmp_path, "TrainModel")
    report_folder.add_classifier(tmp_path, report, names)
    text = page.render(tmp_path)
    assert '<table class="matrix' not in text
    assert "c0 classified as c1" in text
    report_folder.add_classifier(tmp_path, report, names[:30])
    assert '<table class="matrix' in page.render(tmp_path)


def test_an_installed_package_has_the_templates():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["foldergan.report"]
    report = ROOT / "foldergan" / "report"
    shipped = {path for pattern in patterns for path in report.glob(pattern)}
    files = {path for path in report.rglob("*.*") if "__pycache__" not in path.parts}
    assert {path for path in files if path.suffix != ".py"} == shipped


def test_a_greyscale_set_without_classes(tmp_path):
    images = np.random.default_rng(0).random((5, 16, 16, 1), np.float32)
    np.save(tmp_path / filenames.IMAGES, images)
    RunReport(tmp_path, "GANModel").add_dataset(tmp_path, images, None)
    text = page.render(tmp_path)
    assert "5 images of 16 × 16 pixels, greyscale" in text
    assert len(Elements(text).of("img")) == 5


def test_of_a_stream_all_images_are_counted_and_the_first_are_shown(tmp_path):
    report = RunReport(tmp_path, "GeneratePredict")
    rows = [{"picture": 1, "intended": "a", "predicted": "a", "probability": 0.9}]
    counts = [("a", "a", 300), ("a", "b", 100)]
    report.add_predictions("g.h5", report_folder.pictures(1), rows, counts)
    report.update()
    text = " ".join((tmp_path / filenames.REPORT).read_text().split())
    assert "400 images generated with g.h5" in text and "a 300, b 100" in text
    assert "<b>75 %</b> are recognised" in text
    assert "1 of 400 are here, of the first 1, to keep the page small" in text


# The sentence that the page begins with, and when it was made.

NOTHING = dict.fromkeys(("dataset", "classifier", "gan", "generated", "runs"))
DATASET = {"total": 1040, "num_classes": 5}
CLASSIFIER = {"is_training": False, "epochs": 9, "headline": "accuracy"}
MATRIX = {"right": 906, "total": 1000, "is_held_out": True}
GAN = {"epochs": 100, "best": None}
AT = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC)


def run(script: str, hours: float = 0, state: str = "done", **others) -> dict:
    at = AT + datetime.timedelta(hours=hours)
    times = {"state": state, "at": at, "took": "30 min", "seconds": 1800}
    return {"script": script, "times": times | {"date": f"{at:%d %B}"}} | others


TRAINED = CLASSIFIER | {"confusions": MATRIX}
DRAWN = {"as_intended": 0.84}
BEST = {"epoch": 80, "kernel_distance": 0.0312}
STALE = [run("GANModel"), run("GeneratePredict", -1)]  # drawn before the training ended


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, ""),
        ({"dataset": DATASET}, "1,040 images in 5 classes."),
        (
            {"dataset": DATASET | {"num_classes": 1}, "gan": GAN},
            "1,040 images; GAN trained for 100 epochs.",
        ),
        (
            {"dataset": DATASET, "classifier": TRAINED, "gan": GAN, "generated": DRAWN}
            | {"runs": [run("GANModel"), run("GeneratePredict", 1)]},
            "1,040 images in 5 classes; classifier 90.6 % on held-out images; after 30 "
            "min of GAN training 84 % of generated images are recognised as intended.",
        ),
        (
            {"gan": GAN, "generated": DRAWN, "runs": STALE},
            "GAN trained for 30 min.",
        ),
        (
            {"gan": GAN | {"best": BEST}, "runs": STALE},
            "After 30 min of GAN training the best checkpoint, epoch 80, has a KID of "
            "0.0312.",
        ),
        (
            {"gan": GAN, "runs": [run("GANModel", state="running")]},
            "GAN in training, epoch 100 after 30 min.",
        ),
        (
            {"classifier": CLASSIFIER | {"is_training": True}},
            "Classifier in training, epoch 9.",
        ),
        (
            {"classifier": TRAINED | {"confusions": MATRIX | {"is_held_out": False}}},
            "Classifier 90.6 % on its training images.",
        ),
    ],
)
def test_the_verdict_says_what_there_is(found, said):
    text = str(page.verdict(NOTHING | found))
    assert " ".join(re.sub("</?b>", "", text).split()) == said


def test_facts_are_preset_date_and_duration():
    runs = [run("TrainModel", preset="a"), run("GANModel", 24, preset="a")]
    expected = [("Preset", "a"), ("Date", "02 May"), ("Duration", "1 h 0 min")]
    assert page.facts({"runs": runs}) == expected
    runs[1]["preset"] = "b"
    several = ("Preset", "a (TrainModel), b (GANModel)")
    assert page.facts({"runs": runs})[0] == several
    assert page.facts({"runs": None}) == []
