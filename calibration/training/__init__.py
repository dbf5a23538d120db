"""Train a float network: recipe, data, teacher, losses, checkpoints."""
