"""The classifier: built, trained, evaluated."""
