"""Learns to draw new pictures like those in the arrays.

    python GANModel.py
    python GANModel.py --epochs 200 --resume
    python GANModel.py --preset gan-128 --dataset ~/pictures

Reads   img_data.txt.npy, or makes it from --dataset; where the preset draws by class,
        holds pictures out or looks through the classifier, also img_label.txt.npy,
        train.json, train.h5 and classes.json
Writes  in model/, every 10 epochs: generator_model_010.h5, generated_plot_e010.png
        (each preset has its own: see the README); every epoch: gan_history.csv,
        resume.npz; at the end: gan_curves.png
"""

import sys
from dataclasses import asdict
from pathlib import Path

from foldergan import errors, process
from foldergan.config import command_line
from foldergan.storage import atomic, locking


def parse_flags():
    parser = command_line.Parser("Learn to draw new pictures.", sections=("gan",))
    parser.add_dataset_flags()
    parser.add_argument(
        "--output-dir", type=Path, help="folder of the final page (default: model-dir)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the last saved state"
    )
    return parser.parse()


def main():
    options, preset = parse_flags()
    options.output_dir = options.output_dir or options.model_dir
    locking.make_writable_folder(options.output_dir)
    with locking.training_folder(options.model_dir):
        train(options, preset)


def train(options, preset):
    from foldergan import backend, process
    from foldergan.backbones import sources
    from foldergan.data import batches, dataset, splits
    from foldergan.images import Resized
    from foldergan.storage import (
        arrays,
        checkpoint,
        filenames,
        manifest,
        models,
        tables,
    )

    # Load the pictures; make the arrays first if asked to, or if that is our part.
    settings, model_dir = preset.gan, options.model_dir
    is_missing = not (options.data_dir / filenames.IMAGES).exists()
    is_wanted = options.dataset or not preset.classifier_first
    if is_wanted and (is_missing or options.dataset and not options.resume):
        shape = settings.image_shape or preset.data.image_shape
        dataset.build(options, preset.data.source, shape, least_classes=0)
    images = arrays.load_images(options.data_dir)
    if settings.image_shape and settings.image_shape != images.shape[1:]:
        images = Resized(images, settings.image_shape)
    image_shape = images.shape[1:]
    print(
        f"drawing {'x'.join(map(str, image_shape))} from the {len(images)} pictures in "
        f"{options.data_dir / filenames.IMAGES}, made from "
        f"{manifest.source(options.data_dir) or 'an unknown source'}"
    )

    # Load the classes, where they are drawn one by one.
    labels, num_classes = None, 0
    if settings.conditioning == "class":
        labels = arrays.load_labels(options.data_dir, len(images))
        num_classes = labels.shape[1]
        class_names = manifest.class_names(options.data_dir)

    # Hold some out to measure by, if asked to.
    rows, held_out = range(len(images)), []
    sees_features = settings.discriminator_features == "classifier"
    is_measured_by_it = settings.held_out > 0 and settings.features == "classifier"
    needs_classifier = sees_features or is_measured_by_it
    if needs_classifier:
        models.require_classifier(model_dir)
    if settings.held_out:
        classes = labels
        if not num_classes:
            classes = arrays.load_labels(
                options.data_dir, len(images), or_one_class=True
            )
        rows, held_out = splits.hold_out(classes, settings.held_out, preset.seed)
        print(f"held out {len(held_out)} pictures to measure by")
    batch_size = min(settings.batch_size, 2 * len(rows))
    if batch_size < settings.batch_size:
        print(
            f"{len(rows)} pictures are fewer than half a batch of "
            f"{settings.batch_size}: the batch shrinks to {batch_size}"
        )

    epochs, save_every = (
        batches.epochs_of(least, steps, len(rows), batch_size // 2)
        for least, steps in (
            (settings.epochs, settings.least_steps),
            (settings.save_every, settings.save_steps),
        )
    )

    # Find what to go on from, if asked to.
    decisive = asdict(settings) | {
        "seed": preset.seed,
        "pictures": arrays.fingerprint(images),
    }
    for when in ("epochs", "least_steps", "save_every", "save_steps", "patience"):
        del decisive[when]
    del decisive["saves"]
    if needs_classifier:
        decisive["classifier"] = models.fingerprint_classifier(model_dir)
    if settings.backbone != "none":
        decisive["backbone"] = sources.fingerprint(settings.backbone)
    state, saved_tables = None, {"history": [], "quality": []}
    if options.resume:
        state, saved_tables = checkpoint.load_resume(model_dir, decisive)
    history, quality = saved_tables["history"], saved_tables["quality"]

    # This takes seconds, so only once the input is good.
    backend.start(preset.seed, settings.precision)
    from foldergan import progress
    from foldergan.classifier import evaluation
    from foldergan.gan import networks, recipe, sampling, snapshots
    from foldergan.metrics import evaluator, features, selection
    from foldergan.storage import plots

    # Build the networks and put them against each other.
    classifier = None
    if sees_features:
        classifier, _ = models.load_classifier(model_dir)
    trainer = recipe.build_trainer(
        settings, image_shape, num_classes, preset.seed, classifier
    )
    if settings.backbone != "none":
        trainer.prepare(images, labels, rows)
    if sees_features and num_classes:
        evaluation.warn_if_guessing(classifier, images, labels)
    drawer = networks.inference_generator(trainer.generator_ema, num_classes)

    # Find out what the held-out pictures' features are.
    judge = None
    if settings.held_out:
        extractor = features.load_extractor(settings.features, model_dir)
        if settings.backbone != "none" and settings.judge_sees_backbone == "refuse":
            features.refuse_network_of(extractor, trainer.view, settings.features)
        judge = evaluator.Evaluator(extractor, images, rows, held_out)
        judged = sampling.sample_inputs(
            drawer,
            evaluator.NUM_FAKE,
            preset.seed + 1,
            evaluator.fake_classes(classes[held_out]),
        )

    # Begin at the start or where they were.
    if state:
        trainer.restore(state)
        print(f"going on after epoch {trainer.epoch}")
        if selection.has_stalled(quality, settings.patience):
            print("it had ended there; a larger --patience goes on")
            epochs = trainer.epoch
    else:
        atomic.back_up(model_dir / filenames.RESUME)
        for name in filenames.OF_MEASURING:
            atomic.back_up(model_dir / name)
        models.warn_of_earlier_generators(model_dir)
    if num_classes:
        tables.save_json(model_dir / filenames.GENERATOR_CLASSES, class_names)
    manifest.save_run(model_dir, "GANModel", preset, backend.versions())

    # Train, saving every few epochs; every epoch leaves a state to go on from.
    page = sampling.sample_grid_inputs(drawer, snapshots.GRID_COLUMNS, preset.seed)
    display = progress.EpochProgress(epochs, len(rows), done=trainer.epoch)
    with process.InterruptRequest() as interrupt:
        for epoch, logs in trainer.train(
            images,
            epochs,
            batch_size,
            rows,
            labels,
            on_step=display.on_step,
            should_stop=interrupt,
        ):
            display.on_epoch(epoch, logs)
            if epoch == epochs or epoch % save_every == 0:
                snapshots.save_epoch(
                    settings.saves,
                    epoch,
                    trainer.discriminator,
                    drawer,
                    page,
                    model_dir,
                )
                if judge:
                    pictures = sampling.generate(drawer, judged)
                    quality.append({"epoch": epoch} | judge.measure(pictures))
                    snapshots.save_quality(model_dir, drawer, quality)
                    print(selection.as_text(quality))
            history.append({"epoch": epoch, **logs})
            tables.save_csv(model_dir / "gan_history.csv", history)
            checkpoint.save_resume(model_dir, trainer.state(), decisive, saved_tables)
            if selection.has_stalled(quality, settings.patience):
                print(f"no better one in {settings.patience} saves: training ends here")
                break

    # Stop early if asked to, with nothing lost.
    if interrupt() and trainer.epoch < epochs:
        checkpoint.save_resume(model_dir, trainer.state(), decisive, saved_tables)
        raise errors.Interrupted(
            interrupt.signal_number,
            f"epoch {trainer.epoch} of {epochs} is complete and the state is "
            "saved; to go on, give the same command with --resume",
        )

    # Draw the last page and the curves.
    if "final" in settings.saves:
        snapshots.save_final(drawer, page, options.output_dir)
    if history:
        plots.save_curves(model_dir / "gan_curves.png", history)
    print(f"done: {trainer.epoch} epochs in {model_dir}; next: GeneratePredict.py")


if __name__ == "__main__":
    sys.exit(process.exit_code_of(main))
