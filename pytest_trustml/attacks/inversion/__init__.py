"""Pictures of the training data that are drawn out of a model's weights."""
