"""SageMaker's SDKs, each in an environment of its own, through what an operator does with them."""
