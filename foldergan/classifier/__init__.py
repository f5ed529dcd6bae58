"""The network that tells the classes apart: built, trained, evaluated."""
