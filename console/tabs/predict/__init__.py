"""The Predict tab: drop pictures, see their classes, compare two endpoints."""
