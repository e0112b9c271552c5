"""The Predict tab: drop pictures, see their classes, compare two endpoints."""

from console.tabs.spec import TabSpec

TAB = TabSpec("predict", "Predict", "predict", 7, "console.tabs.predict.tab:PredictTab")
