"""What a training leaves: the model's folder and the report."""
