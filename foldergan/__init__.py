"""The nouns that the three scripts share.

    fields          how a setting is declared, read and checked
    settings        every setting: name, default, bounds, help
    presets         the systems, as what differs from the default
    flags           a command line -> one preset, checked
    errors          what can go wrong, and the exit code that it ends in
    interrupts      Ctrl-C and SIGTERM -> a request that a loop can read
    backend         Keras and TensorFlow, started quietly and seeded
    files           atomic writing, locking, probing
    artifacts/      the contract on disk: names, dtypes, shapes, ranges, origin
    images          picture files -> arrays; the named range conversions
    folders         a dataset folder -> its files, class by class
    dataset         a folder of pictures -> the arrays on disk
    batches         which rows go where: splits, the batches of an epoch
    networks        classifier, discriminator, generator
    projection      a discriminator that sees pictures as the classifier does
    losses          pure functions of real_logits, fake_logits
    kernels         what the networks' layers compute, by cheaper routes
    adversarial     the alternating steps: the only file that differentiates
    assembly        settings -> networks, and what trains those of a GAN
    augmentation    pictures changed a little at random
    whitening       a first convolution that starts from the pictures' patches
    optimizers      what moves the classifier's weights
    classification  training and using the classifier
    generation      latent vectors -> pictures
    saves           what a GAN training writes as it goes by
    reports         how well a classifier does: figures and tables
    features        pictures -> what a network sees in them, as rows of numbers
    neighbours      distances between such rows, in blocks
    metrics         how good generated pictures are: figures from such rows
    judging         how good a generator is while it trains, and which save is best
    predictions     what a classifier says of pictures, as a table
    plots           grids, curves, the confusion matrix
    progress        what a person sees while training runs

Arrows run one way, from the scripts to here. Nothing heavy is imported until a
function needs it, so that ``--help`` and a wrong flag answer at once.
"""
