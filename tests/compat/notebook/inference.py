"""Answers for the endpoint: a JPEG in, a number for each breed out."""

import io
import os

import torch
from PIL import Image
from torch import nn
from torchvision import models, transforms

SIDE = 64


def model_fn(model_dir):
    state = torch.load(os.path.join(model_dir, "model.pth"), map_location="cpu")
    model = models.resnet18(weights=None)
    model.fc = nn.Sequential(
        nn.Linear(model.fc.in_features, 32), nn.ReLU(), nn.Linear(32, state["fc.2.weight"].shape[0])
    )
    model.load_state_dict(state)
    return model.eval()


def input_fn(request_body, content_type):
    if content_type != "image/jpeg":
        raise ValueError(f"Send image/jpeg, not {content_type}.")
    return Image.open(io.BytesIO(request_body)).convert("RGB")


def predict_fn(picture, model):
    steps = transforms.Compose([transforms.Resize((SIDE, SIDE)), transforms.ToTensor()])
    with torch.no_grad():
        return model(steps(picture).unsqueeze(0))
