"""How good generated images are: features, distances, scores, the best checkpoint."""
