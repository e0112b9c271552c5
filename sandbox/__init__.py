"""An AWS account on this machine: moto for protocols and metadata, our executors for what must really happen."""
