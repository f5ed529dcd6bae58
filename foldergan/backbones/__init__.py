"""Pretrained networks: where they come from, their stages, their features."""
