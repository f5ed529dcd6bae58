"""The sentence that the page begins with, and when it was made."""

import datetime

from foldergan.report import summary

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


def verdict(**found) -> str:
    text = summary.verdict(NOTHING | found)
    return " ".join(str(text).replace("<b>", "").replace("</b>", "").split())


def test_it_says_what_there_is():
    assert verdict() == ""
    assert verdict(dataset=DATASET) == "1,040 images in 5 classes."
    one = DATASET | {"num_classes": 1}
    assert verdict(dataset=one, gan=GAN) == "1,040 images; GAN trained for 100 epochs."
    trained = CLASSIFIER | {"confusions": MATRIX}
    everything = {
        "dataset": DATASET,
        "classifier": trained,
        "gan": GAN,
        "generated": {"as_intended": 0.84},
        "runs": [run("GANModel"), run("GeneratePredict", 1)],
    }
    assert verdict(**everything) == (
        "1,040 images in 5 classes; classifier 90.6 % on held-out images; after 30 min "
        "of GAN training 84 % of generated images are recognised as intended."
    )


def test_images_of_before_the_training_ended_say_nothing_of_it():
    found = {"gan": GAN, "generated": {"as_intended": 0.84}}
    stale = [run("GANModel"), run("GeneratePredict", -1)]
    assert verdict(**found, runs=stale) == "GAN trained for 30 min."
    best = {"epoch": 80, "kernel_distance": 0.0312}
    assert verdict(gan=GAN | {"best": best}, runs=stale) == (
        "After 30 min of GAN training the best checkpoint, epoch 80, has a KID of "
        "0.0312."
    )


def test_what_is_in_training_is_said_to_be():
    running = [run("GANModel", state="running")]
    assert verdict(gan=GAN, runs=running) == (
        "GAN in training, epoch 100 after 30 min."
    )
    training = CLASSIFIER | {"is_training": True}
    assert verdict(classifier=training) == "Classifier in training, epoch 9."


def test_without_held_out_images_accuracy_is_that_of_the_training_images():
    matrix = MATRIX | {"is_held_out": False}
    found = CLASSIFIER | {"confusions": matrix}
    assert verdict(classifier=found) == "Classifier 90.6 % on its training images."


def test_facts_are_preset_date_and_duration():
    runs = [run("TrainModel", preset="a"), run("GANModel", 24, preset="a")]
    assert summary.facts({"runs": runs}) == [
        ("Preset", "a"),
        ("Date", "02 May"),
        ("Duration", "1 h 0 min"),
    ]
    runs[1]["preset"] = "b"
    assert summary.facts({"runs": runs})[0] == (
        "Preset",
        "a (TrainModel), b (GANModel)",
    )
    assert summary.facts({"runs": None}) == []
