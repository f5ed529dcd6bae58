"""Discriminator and generator: built, trained against each other, sampled, saved."""
