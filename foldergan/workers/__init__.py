"""Several processes, on one machine or on several, that train one GAN together."""
