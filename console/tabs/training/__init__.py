"""The Training tab: launch a job, follow it live, read its report."""

from console.tabs.spec import TabSpec

TAB = TabSpec(
    "training", "Training", "training", 3, "console.tabs.training.tab:TrainingTab",
    changes=("console.tabs.training.tags.commands:EditTags",),
)  # fmt: skip
