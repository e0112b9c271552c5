"""A job that learns a number: quick, and with a line that a metric's pattern finds."""

import argparse
import json
import os
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, default=0.5)
parser.add_argument("--epochs", type=int, default=2)
options, _ = parser.parse_known_args()
pictures = sorted(Path(os.environ["SM_CHANNEL_TRAINING"]).rglob("*.txt"))
for epoch in range(options.epochs):
    print(f"epoch {epoch} loss={abs(options.rate - 0.3) + 1 / (epoch + 1):.4f}", flush=True)
Path(os.environ["SM_MODEL_DIR"], "model.pth").write_text(json.dumps({"rate": options.rate, "files": len(pictures)}))
