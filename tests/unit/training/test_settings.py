"""Command line, SageMaker's environment and defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagedeck_training.settings import SettingsError, parse

CHANNELS = {"SM_CHANNEL_TRAINING": "/in/training", "SM_MODEL_DIR": "/model", "SM_OUTPUT_DATA_DIR": "/output/data"}


def test_sagemakers_environment_gives_the_defaults_and_arguments_win() -> None:
    settings = parse(["--model-dir", "here"], {**CHANNELS, "SM_CHANNEL_FEATURES": "/in/features"})
    assert settings.data_dir == Path("/in/training") and settings.features_dir == Path("/in/features")
    assert settings.model_dir == Path("here") and settings.output_data_dir == Path("/output/data")


def test_names_with_underscores_and_quoted_values_as_a_tuner_sends_them() -> None:
    argv = ["--learning_rate", '"0.01"', "--batch_size", '"32"', "--_tuning_objective_metric", "valid:loss"]
    settings = parse([*argv, "--prepare_features", "True"], CHANNELS)
    assert (settings.learning_rate, settings.batch_size, settings.prepare_features) == (0.01, 32, True)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--epochs", "0"], "epochs"),
        (["--learning-rate", "-1"], "learning-rate"),
        (["--learning-rate", "nan"], "learning-rate must be a number, not “nan”"),
        (["--learning-rate", "inf"], "learning-rate must be a number, not “inf”"),
        (["--learning-rate", "1,5"], "learning-rate must be a number, not “1,5”"),
        (["--weight-decay", "-1e-3"], "weight-decay must not be negative"),
        (["--weight-decay", "-inf"], "weight-decay must be a number, not “-inf”"),
        (["--batch-size", "64.5"], "batch-size must be a whole number, not “64.5”"),
        (["--epochs", "inf"], "epochs must be a whole number, not “inf”"),
        (["--epochs", "many"], "epochs must be a whole number, not “many”"),
        (["--epochs", "9" * 5000], "epochs must be a whole number, not “9{40}…”"),
        (["--epochs", "1e7"], "epochs must be from 1 to 1,000,000"),
        (["--seed", str(2**32)], "seed must be from 0 to 4,294,967,295"),
        (["--seed", "-1"], "seed must be from 0"),
        (["--prepare-features", "perhaps"], "prepare-features must be true or false, not “perhaps”"),
        (["--epochs", "x", "--seed", "y"], "epochs must .*; seed must be"),
        (["--batch-size", "0"], "batch-size"),
        (["--label-smoothing", "1"], "label-smoothing"),
        (["--views", "0"], "views"),
        (["--image-size", "8"], "image-size"),
        (["--unfreeze", "1", "--prepare-features"], "exclude each other"),
        (["--unfreeze", "all", "--prepare-features"], "exclude each other"),
        (["--unfreeze", "some"], "unfreeze must be a whole number, not “some”"),
        (["--weight-decay", "none"], "weight-decay must be a number, not “none”"),
        (["--schedule", "linear"], "schedule must be auto, cosine or one-cycle, not “linear”"),
        (["--warmup", "0.6"], "warmup must be from 0 to 0.5"),
        (["--layer-decay", "0"], "layer-decay must be above 0"),
        (["--ema", "1"], "ema must be from 0 to below 1"),
        (["--flip-test", "perhaps"], "flip-test must be true or false"),
    ],
)
def test_values_out_of_range_are_named(argv: list[str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        parse(argv, CHANNELS)


def test_whole_numbers_may_be_written_as_tuners_do() -> None:
    settings = parse(["--batch-size", "64.0", "--epochs", '"3.0"', "--seed", "4294967295", "--views", "2e0"], CHANNELS)
    assert (settings.batch_size, settings.epochs, settings.seed, settings.views) == (64, 3, 2**32 - 1, 2)
    assert all(type(value) is int for value in (settings.batch_size, settings.epochs, settings.seed))


def test_without_data_or_model_folder_it_says_which() -> None:
    with pytest.raises(SettingsError, match=r"--data-dir.*--model-dir"):
        parse([], {})


@pytest.mark.parametrize(
    ("env", "threads"), [({"OMP_NUM_THREADS": "1", "SM_NUM_CPUS": "2"}, 1), ({"SM_NUM_CPUS": "1"}, 1)]
)
def test_threads_follow_the_environment(env: dict[str, str], threads: int) -> None:
    settings = parse([], {**CHANNELS, **env})
    assert settings.threads == threads == settings.num_workers


def test_processes_on_one_machine_share_its_cpus_for_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagedeck_training.settings._usable", lambda: 16)
    torchrun = {**CHANNELS, "OMP_NUM_THREADS": "1", "LOCAL_WORLD_SIZE": "4"}
    assert (parse([], torchrun).num_workers, parse([], torchrun).threads) == (4, 1)
    assert parse([], {**torchrun, "SM_NUM_CPUS": "8"}).num_workers == 2
    assert parse(["--num-workers", "3"], torchrun).num_workers == 3
    assert parse([], {**torchrun, "LOCAL_WORLD_SIZE": "1"}).num_workers == 1


def test_the_reports_settings_hold_no_folders() -> None:
    public = parse([], CHANNELS).public()
    assert public["backbone"] == "efficientnet_lite0"
    assert not any("dir" in name for name in public)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--epoch", "3"], "--epoch is no setting of this training. Is epochs meant? It takes data-dir, model-dir,"),
        (["--lerning_rate=1"], "--lerning_rate is no setting of this training. Is learning-rate meant? It takes"),
        (["--learning-rat", "1"], "--learning-rat is no setting of this training. Is learning-rate meant? It takes"),
        (["--zzz", "1", "--yyy", "2"], "--zzz, --yyy are no settings of this training. It takes"),
        (["stray"], "stray is no setting of this training. It takes"),
        (["--epochs"], "--epochs: expected one argument."),
    ],
)
def test_an_argument_that_is_no_setting_is_named_with_what_is_allowed(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingsError) as error:
        parse([*argv, "--data-dir", "d", "--model-dir", "m"], {})
    assert str(error.value).startswith(said)
    assert "usage" not in "".join(capsys.readouterr())


def test_fine_tuning_has_defaults_of_its_own_and_says_which() -> None:
    head, tuned = parse([], CHANNELS), parse(["--unfreeze", "all"], CHANNELS)
    assert (head.epochs, head.learning_rate, head.views, head.schedule) == (10, 1e-3, 3, "cosine")
    assert head.defaulted == () and (head.weight_decay, head.decay) == ("auto", 0.01)
    assert tuned.unfreeze == "all" and tuned.views == 1 and tuned.warmup > 0
    # At the rate of a head a whole network forgets what it knew before it learns, and small sets do not make up for it.
    assert tuned.layer_decay**7 <= 0.5 and head.layer_decay == 1 and "layer_decay" in tuned.defaulted
    assert {"views", "warmup", "schedule"} <= set(tuned.defaulted) and tuned.schedule == "one-cycle"
    given = parse(["--unfreeze", "2.0", "--views", "4", "--epochs", "3", "--warmup", "0"], CHANNELS)
    assert (given.unfreeze, given.views, given.epochs, given.warmup) == (2, 4, 3, 0)
    assert not {"views", "epochs", "warmup"} & set(given.defaulted)
    assert "defaulted" not in tuned.public() and tuned.public()["unfreeze"] == "all"


def test_new_settings_in_both_spellings() -> None:
    argv = ["--layer_decay", '"0.7"', "--flip_test", "True", "--ema", "0.99", "--schedule", "one_cycle"]
    settings = parse([*argv, "--weight_decay", '"auto"'], CHANNELS)
    assert (settings.layer_decay, settings.flip_test, settings.ema) == (0.7, True, 0.99)
    assert (settings.schedule, settings.weight_decay) == ("one-cycle", "auto")
    assert parse(["--weight-decay", "0.3"], CHANNELS).decay == 0.3


def test_checkpoints_go_where_sagemaker_keeps_them_if_there_is_such_a_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagedeck_training.settings.CHECKPOINTS", str(tmp_path / "checkpoints"))
    assert parse([], CHANNELS).checkpoint_dir is None
    (tmp_path / "checkpoints").mkdir()
    assert parse([], CHANNELS).checkpoint_dir == tmp_path / "checkpoints"
    assert parse(["--checkpoint-dir", "none"], CHANNELS).checkpoint_dir is None
    assert parse(["--checkpoint-dir", "here"], CHANNELS).checkpoint_dir == Path("here")


def test_the_side_follows_the_backbone_and_the_weights_the_channel() -> None:
    sides = [parse(["--backbone", f"efficientnet_lite{n}"], CHANNELS).image_size for n in range(3)]
    assert sides == [224, 240, 260] and parse(["--backbone", "resnet18"], CHANNELS).image_size == 224
    assert parse(["--backbone", "efficientnet_lite2", "--image-size", "224"], CHANNELS).image_size == 224
    assert parse([], {**CHANNELS, "SM_CHANNEL_WEIGHTS": "/in/weights"}).weights == "/in/weights"
    assert parse(["--weights", "none"], {**CHANNELS, "SM_CHANNEL_WEIGHTS": "/in/weights"}).weights == "none"
