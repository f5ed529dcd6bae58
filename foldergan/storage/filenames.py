"""What the files are called. Other people's scripts know these names."""

from foldergan.config.presets import RUN as RUN  # settings and versions

IMAGES = "img_data.txt.npy"  # float32 (n, height, width, channels), RGB, 0-1
LABELS = "img_label.txt.npy"  # float32 (n, classes), one-hot
ORIGIN = "img_data.txt.json"  # what the two arrays were made from
FILES = "img_files.txt"  # a line an image: its path in the dataset folder
NEAR_DUPLICATES = "near_duplicates.json"  # groups of row numbers, and of which data
CLASSIFIER_JSON = "train.json"  # keras.models.model_from_json
CLASSIFIER_H5 = "train.h5"  # .load_weights
CLASSIFIER_ONNX = "train.onnx"  # the same for programs without Keras
CLASS_NAMES = "classes.json"  # list of str, in the order of the labels' columns
CLASSIFIER_HISTORY = "train_history.csv"  # a row an epoch
CLASSIFIER_CURVES = "train_curves.png"
CLASSIFIER_EVALUATION = "train_evaluation.csv"  # a row a part of the images
CLASSIFIER_CLASSES = "train_classes.csv"  # a row a part and class
CLASSIFIER_MATRIX = "confusion_matrix.png"
CLASSIFIER_RELIABILITY = "train_reliability.csv"  # a row a bin of confidence
CLASSIFIER_RELIABILITY_PLOT = "train_reliability.png"
OF_CLASSIFIER = (  # what describes the classifier in CLASSIFIER_H5
    CLASSIFIER_HISTORY,
    CLASSIFIER_CURVES,
    CLASSIFIER_EVALUATION,
    CLASSIFIER_CLASSES,
    CLASSIFIER_MATRIX,
    CLASSIFIER_RELIABILITY,
    CLASSIFIER_RELIABILITY_PLOT,
    CLASSIFIER_ONNX,
    "run_TrainModel.json",
)
GENERATOR = "generator_model_{epoch:03d}.h5"  # keras.models.load_model; -1-1 out
BEST_GENERATOR = "generator_best.h5"  # the same, of the best save
BEST_FIGURES = "generator_best.json"
QUALITY = "gan_quality.csv"
QUALITY_PLOT = "gan_quality.png"
NEAREST = "generated_nearest.png"  # of the best save
OF_BEST_GENERATOR = (BEST_FIGURES, NEAREST)  # what describes it
OF_EVALUATION = (*OF_BEST_GENERATOR, QUALITY, QUALITY_PLOT, BEST_GENERATOR)
PREDICTIONS = "predictions.csv"  # a row an image
PREDICTIONS_PAGE = "predictions.png"
PREDICTIONS_MATRIX = "predictions_confusion.png"  # intended against predicted
PREDICTIONS_QUALITY = "predictions_quality.csv"  # like QUALITY, of these images
PREDICTIONS_NEAREST = "predictions_nearest.png"
OF_PREDICTIONS = (  # what describes the images in PREDICTIONS
    PREDICTIONS_PAGE,
    PREDICTIONS_MATRIX,
    PREDICTIONS_QUALITY,
    PREDICTIONS_NEAREST,
)
CLASSIFIED = "classified.csv"  # a row an image file
CLASSIFIED_PAGE = "classified.png"
CLASSIFIED_CLASSES = "classified_classes.csv"  # as CLASSIFIER_CLASSES
CLASSIFIED_MATRIX = "classified_confusion.png"
OF_CLASSIFIED = (CLASSIFIED_PAGE, CLASSIFIED_CLASSES, CLASSIFIED_MATRIX)
DOES_IT_HELP = "does_it_help.csv"  # the table of benchmarks/does_it_help.py
SINGLE = "generated_{number:06d}.png"  # by its number in PREDICTIONS
EXPORT = "export.json"  # of a dataset folder of generated images
EXPORTED = "gen_{number:06d}.png"  # in a folder of its class there
CHECKSUMS = "SHA256SUMS"
EXTRA = "extra_images"  # folder of arrays of images to train on beside the others
HELD_OUT = {  # folders of arrays of images that are held out beside the others
    "validation": "validation_images",
    "test": "test_images",
}
GENERATED_PLOT = "generated_plot_e{epoch:03d}.png"
GENERATED_SINGLE = "generated_image_epoch_{epoch:03d}_{number}.png"
GENERATED_JPG = "gan_generated_image_epoch_{epoch}.jpg"
FINAL_PLOT = "final_generated_images.png"
RESUME = "resume.npz"
CARD = "README.md"  # of the folder of models
REPORT = "report.html"  # the page that every script adds to
REPORT_FOLDER = "report"  # what the page shows and no other file holds
TENSORBOARD = "tensorboard"  # folder of a folder for each training
TIMES = "times_{script}.json"  # there
