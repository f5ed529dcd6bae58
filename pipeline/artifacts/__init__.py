"""The contract on disk: every file's name, dtype, shape and range.

    names    what the files are called
    arrays   img_data.txt.npy and img_label.txt.npy
    models   train.json, train.h5, classes.json, the generators
    resume   the state that a GAN training goes on from
    records  text: CSV, JSON, what a run was made with

Other people's scripts read these files with nothing of ours installed, so the
names stay as they are. Everything that is loaded is checked, and a failed check
names the file and the way out; everything that is saved is saved whole.
"""
