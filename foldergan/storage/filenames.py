"""What the files are called. Other people's scripts know these names."""

IMAGES = "img_data.txt.npy"  # float32 (n, height, width, channels), RGB, 0-1
LABELS = "img_label.txt.npy"  # float32 (n, classes), one-hot
ORIGIN = "img_data.txt.json"  # what the two arrays were made from
CLASSIFIER_JSON = "train.json"  # keras.models.model_from_json
CLASSIFIER_H5 = "train.h5"  # .load_weights
CLASS_NAMES = "classes.json"  # list of str, in the order of the labels' columns
GENERATOR = "generator_model_{epoch:03d}.h5"  # keras.models.load_model; -1-1 out
BEST_GENERATOR = "generator_best.h5"  # the same, of the best save
GENERATOR_CLASSES = "generator_classes.json"  # of versions before 0.2
BEST_FIGURES = "generator_best.json"
QUALITY = "gan_quality.csv"
QUALITY_PLOT = "gan_quality.png"
NEAREST = "generated_nearest.png"  # of the best save
OF_EVALUATION = (BEST_GENERATOR, BEST_FIGURES, NEAREST, QUALITY, QUALITY_PLOT)
GENERATED_PLOT = "generated_plot_e{epoch:03d}.png"
GENERATED_SINGLE = "generated_image_epoch_{epoch:03d}_{number}.png"
GENERATED_JPG = "gan_generated_image_epoch_{epoch}.jpg"
FINAL_PLOT = "final_generated_images.png"
RESUME = "resume.npz"
REPORT = "report.html"  # the page that every script adds to
REPORT_FOLDER = "report"  # what the page shows and no other file holds
