"""Drawing 10,000 images and classifying them, with the networks of dcgan-32.

python benchmarks/generate_classify.py

predict  model.predict of the generator, then of the classifier, at batch 32
ours     sampling.generate and evaluation.predict, as GeneratePredict.py does
"""

import side_by_side


def prepare(options):
    """Builds both networks and draws the latent vectors."""
    from foldergan import backend
    from foldergan.classifier.network import build_classifier
    from foldergan.config import presets
    from foldergan.gan import networks, sampling

    backend.start(0)
    preset = presets.PRESETS["dcgan-32"]
    shape = preset.data.image_shape
    classifier = build_classifier(preset.classifier, shape, 5)
    generator = networks.build_generator(preset.gan, shape)
    latents = sampling.sample_latents(options.count, preset.gan.latent_dim, 0)
    return classifier, generator, latents


def predict(options):
    """What most scripts do."""
    classifier, generator, latents = prepare(options)

    def work():
        images = (generator.predict(latents, verbose=0) + 1) / 2
        return len(classifier.predict(images, verbose=0))

    work()
    return work


def ours(options):
    """What GeneratePredict.py does."""
    classifier, generator, latents = prepare(options)
    from foldergan.classifier import evaluation
    from foldergan.gan import sampling

    def work():
        images = sampling.generate(generator, latents)
        return len(evaluation.predict(classifier, images))

    work()
    return work


CONTENDERS = {"predict": predict, "ours": ours}


def add_arguments(parser):
    """Adds this benchmark's own flags."""
    parser.add_argument("--count", type=int, default=10000)


def main():
    """Measures, and prints a table."""
    options = side_by_side.parse(__doc__, add_arguments)
    replies = side_by_side.compare(CONTENDERS, options, "keras", "tensorflow")
    rows = side_by_side.rows_against("predict", replies, options.count)
    side_by_side.table(
        ["draw and classify", "s, median", "spread", "images/s", "times predict"],
        rows,
    )


if __name__ == "__main__":
    main()
