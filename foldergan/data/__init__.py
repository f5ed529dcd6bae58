"""A folder of images -> arrays on disk -> batches."""
