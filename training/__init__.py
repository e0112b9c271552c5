"""The training and inference code that runs unchanged on SageMaker, on EC2 and in the sandbox."""
