"""Learns to draw new pictures like those that TrainModel.py read.

    python GANModel.py
    python GANModel.py --epochs 200 --resume

Reads   img_data.txt.npy
Writes  in model/, every 10 epochs: generator_model_010.h5, generated_plot_e010.png;
        every epoch: gan_history.csv, resume.npz; at the end: gan_curves.png
"""

import sys
from dataclasses import asdict

from pipeline import errors, files, flags


def parse_flags():
    parser = flags.Parser("Learn to draw new pictures.", sections=("gan",))
    parser.add_argument(
        "--resume", action="store_true", help="go on from the last saved state"
    )
    return parser.parse()


def main():
    options, preset = parse_flags()
    with files.training_folder(options.model_dir):
        train(options, preset)


def train(options, preset):
    from pipeline import artifacts, backend, interrupts

    # Load the pictures.
    settings, model_dir = preset.gan, options.model_dir
    images = artifacts.load_images(options.data_dir)
    batch_size = min(settings.batch_size, 2 * len(images))
    if batch_size < settings.batch_size:
        print(
            f"{len(images)} pictures are fewer than half a batch of "
            f"{settings.batch_size}: the batch shrinks to {batch_size}"
        )

    # Find what to go on from, if asked to.
    decisive = asdict(settings) | {"seed": preset.seed, "images": images.shape}
    del decisive["epochs"], decisive["save_every"]  # may change without harm
    state, history = None, []
    if options.resume:
        state, history = artifacts.load_resume(model_dir, decisive)

    backend.start(preset.seed)  # slow: seconds, so only once the input is good
    from pipeline import adversarial, generation, networks, plots, progress

    # Build the networks, discriminator before generator.
    trainer = adversarial.AdversarialTrainer(
        networks.build_discriminator(
            images.shape[1:], settings.discriminator_filters, settings.dropout
        ),
        networks.build_generator(
            images.shape[1:], settings.latent_dim, settings.generator_filters
        ),
        discriminator_learning_rate=settings.discriminator_learning_rate,
        generator_learning_rate=settings.generator_learning_rate,
        beta_1=settings.beta_1,
        seed=preset.seed,
    )
    if state:
        trainer.restore(state)
        print(f"going on after epoch {trainer.epoch}")
    elif kept := artifacts.set_aside_resume(model_dir):
        print(f"starting anew; the state of the run before is kept as {kept}")
    artifacts.record_run(model_dir, "GANModel", preset, backend.versions())

    # Train; the same latent vectors are drawn at every save.
    latents = generation.sample_latents(49, settings.latent_dim, preset.seed)
    display = progress.EpochProgress(settings.epochs, done=trainer.epoch)
    with interrupts.InterruptRequest() as interrupt:
        for epoch, logs in trainer.train(
            images,
            settings.epochs,
            batch_size,
            on_step=display.on_step,
            should_stop=interrupt,
        ):
            display.on_epoch(epoch, logs)
            if epoch % settings.save_every == 0 or epoch == settings.epochs:
                name = artifacts.GENERATOR.format(epoch=epoch)
                artifacts.save_model(model_dir / name, trainer.generator)
                name = artifacts.GENERATED_PLOT.format(epoch=epoch)
                pictures = generation.generate(trainer.generator, latents)
                plots.save_image_grid(model_dir / name, pictures, columns=7)
            history.append({"epoch": epoch, **logs})
            artifacts.save_csv(model_dir / "gan_history.csv", history)
            artifacts.save_resume(model_dir, trainer.state(), decisive, history)

    # Stop early if asked to, with nothing lost.
    if interrupt() and trainer.epoch < settings.epochs:
        artifacts.save_resume(model_dir, trainer.state(), decisive, history)
        raise errors.Interrupted(
            interrupt.signal_number,
            f"epoch {trainer.epoch} of {settings.epochs} is complete and the state is "
            "saved; to go on, give the same command with --resume",
        )

    # Draw the curves.
    if history:
        plots.save_curves(model_dir / "gan_curves.png", history)
    print(f"done: {trainer.epoch} epochs in {model_dir}; next: GeneratePredict.py")


if __name__ == "__main__":
    sys.exit(errors.exit_code_of(main))
