"""Trains with the best hyperparameters; its loss is written down where smdebug is there, as in older images."""

import argparse
import os

import torch
from torch import nn, optim
from torchvision import datasets, models, transforms

try:
    import smdebug.pytorch as smd
except ImportError:
    # The images of PyTorch 2 are without it.
    smd = None

SIDE = 64


def loader(folder: str, batch_size: int, shuffle: bool) -> torch.utils.data.DataLoader:
    steps = [transforms.Resize((SIDE, SIDE)), transforms.ToTensor()]
    pictures = datasets.ImageFolder(folder, transform=transforms.Compose(steps))
    return torch.utils.data.DataLoader(pictures, batch_size=batch_size, shuffle=shuffle)


def net(classes: int) -> nn.Module:
    model = models.resnet18(weights=None)
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.fc = nn.Sequential(nn.Linear(model.fc.in_features, 32), nn.ReLU(), nn.Linear(32, classes))
    return model


def train(model: nn.Module, batches: torch.utils.data.DataLoader, criterion: nn.Module, optimizer: optim.Optimizer):
    model.train()
    for pictures, labels in batches:
        optimizer.zero_grad()
        loss = criterion(model(pictures), labels)
        loss.backward()
        optimizer.step()
    print(f"Training loss: {loss.item():.4f}")


def test(model: nn.Module, batches: torch.utils.data.DataLoader, criterion: nn.Module) -> None:
    model.eval()
    total, right, seen = 0.0, 0, 0
    with torch.no_grad():
        for pictures, labels in batches:
            answers = model(pictures)
            total += criterion(answers, labels).item() * len(labels)
            right += int((answers.argmax(1) == labels).sum())
            seen += len(labels)
    print(f"Test set: Average loss: {total / seen:.4f}, Accuracy: {right}/{seen} ({100 * right / seen:.0f}%)")


def main(arguments: argparse.Namespace) -> None:
    batches = loader(os.path.join(arguments.data_dir, "train"), arguments.batch_size, shuffle=True)
    model = net(len(batches.dataset.classes))
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.fc.parameters(), lr=arguments.lr)
    hook = smd.Hook.create_from_json_file() if smd else None
    if hook is not None:
        hook.register_hook(model)
        hook.register_loss(criterion)
    for epoch in range(arguments.epochs):
        print(f"Epoch {epoch}")
        train(model, batches, criterion, optimizer)
    test(model, loader(os.path.join(arguments.data_dir, "test"), arguments.batch_size, shuffle=False), criterion)
    torch.save(model.state_dict(), os.path.join(arguments.model_dir, "model.pth"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--data-dir", default=os.environ["SM_CHANNEL_TRAINING"])
    parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--output-dir", default=os.environ["SM_OUTPUT_DATA_DIR"])
    main(parser.parse_args())
