"""What the networks share: fast layers, augmentation, precision."""
