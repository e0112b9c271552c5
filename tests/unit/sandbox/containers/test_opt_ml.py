"""The /opt/ml contract: paths, values, arguments and variables as SageMaker's own containers have them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.containers.opt_ml import (
    Cluster,
    HostFolder,
    decode_hyperparameters,
    input_data_config,
    script_arguments,
    toolkit_environment,
    user_hyperparameters,
    write_config,
)

CHANNELS = [
    {
        "ChannelName": "training",
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/d"}},
        "ContentType": "image/jpeg",
    }
]


@pytest.fixture
def host(tmp_path: Path) -> HostFolder:
    folder = HostFolder(tmp_path / "algo-1")
    folder.create()
    return folder


def test_paths_of_the_container_become_paths_of_the_job_and_back(host: HostFolder) -> None:
    local = host.local("cat /opt/ml/model/a.txt /opt/mlflow/b '/opt/ml'")
    assert local == f"cat {host.root}/model/a.txt /opt/mlflow/b '{host.root}'"
    assert host.public(local) == "cat /opt/ml/model/a.txt /opt/mlflow/b '/opt/ml'"


def test_a_container_path_that_leaves_the_job_is_refused(host: HostFolder) -> None:
    assert host.path("/opt/ml/checkpoints/x") == host.root / "checkpoints" / "x"
    for bad in ("/opt/ml/../../etc", "/etc/passwd", "relative"):
        with pytest.raises(ValueError, match="does not lie below"):
            host.path(bad)


def test_scripts_are_rewritten_and_data_is_not(host: HostFolder, tmp_path: Path) -> None:
    folder = tmp_path / "code"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "train.py").write_text('OUT = "/opt/ml/model"\nSM_MASTER_PORT = 7777\n')
    (folder / "notes.txt").write_text("/opt/ml/model")
    (folder / "raw.py").write_bytes(b"\xff\xfe/opt/ml")
    host.rewrite_scripts(folder, {"SM_MASTER_PORT = 7777": "SM_MASTER_PORT = 4711"})
    assert (folder / "sub" / "train.py").read_text() == f'OUT = "{host.root}/model"\nSM_MASTER_PORT = 4711\n'
    assert (folder / "notes.txt").read_text() == "/opt/ml/model"
    assert (folder / "raw.py").read_bytes() == b"\xff\xfe/opt/ml"


def test_hyperparameters_decode_quoted_and_plain_values_alike() -> None:
    raw = {"a": "3", "b": '"three"', "c": "three", "d": "1e-3", "e": "[1, 2]", "f": "true", "g": "s3://x/y", "h": ""}
    assert decode_hyperparameters(raw) == {
        "a": 3,
        "b": "three",
        "c": "three",
        "d": 1e-3,
        "e": [1, 2],
        "f": True,
        "g": "s3://x/y",
        "h": "",
    }


def test_script_arguments_are_those_of_the_training_toolkit() -> None:
    hyperparameters = user_hyperparameters(
        {
            "learning_rate": 0.01,
            "b": 4,
            "nested": {"y": 2, "x": 1},
            "name": "a b",
            "flag": True,
            "none": None,
            "sagemaker_program": "train.py",
            "_tuning_objective_metric": "loss",
        }
    )
    assert script_arguments(hyperparameters) == [
        "-b",
        "4",
        "--flag",
        "True",
        "--learning_rate",
        "0.01",
        "--name",
        "a b",
        "--nested",
        "x=1,y=2",
        "--none",
        "",
    ]


def test_configuration_files(host: HostFolder) -> None:
    cluster = Cluster.of(2, "ml.m5.xlarge", 7777)
    inputs = input_data_config(CHANNELS)
    write_config(host, {"lr": "0.1", "out": "/opt/ml/model"}, cluster.resource_config("algo-2"), inputs)
    hyperparameters = json.loads((host.config / "hyperparameters.json").read_text())
    assert hyperparameters == {"lr": "0.1", "out": f"{host.root}/model"}
    resources = json.loads((host.config / "resourceconfig.json").read_text())
    assert resources["current_host"] == "algo-2"
    assert resources["hosts"] == ["algo-1", "algo-2"]
    assert json.loads((host.config / "inputdataconfig.json").read_text()) == {
        "training": {
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
            "ContentType": "image/jpeg",
        }
    }


def test_toolkit_environment(host: HostFolder) -> None:
    raw = {
        "batch-size": "32",
        "name": '"resnet"',
        "sagemaker_program": '"hpo.py"',
        "sagemaker_submit_directory": '"s3://b/s.tar.gz"',
        "sagemaker_torch_distributed_enabled": "true",
    }
    env = toolkit_environment(host, Cluster.of(2, "ml.m5.large", 99), "algo-2", raw, input_data_config(CHANNELS), "job")
    assert env["SM_CHANNEL_TRAINING"] == str(host.root / "input" / "data" / "training")
    assert json.loads(env["SM_CHANNELS"]) == ["training"]
    assert json.loads(env["SM_HPS"]) == {"batch-size": 32, "name": "resnet"}
    assert env["SM_HP_BATCH-SIZE"] == env["SM_HP_BATCH_SIZE"] == "32"
    assert env["SM_HP_NAME"] == "resnet"
    assert json.loads(env["SM_HOSTS"]) == ["algo-1", "algo-2"]
    assert (env["SM_CURRENT_HOST"], env["SM_CURRENT_HOST_RANK"], env["SM_HOST_COUNT"]) == ("algo-2", "1", "2")
    assert env["SM_MODEL_DIR"] == str(host.model)
    assert env["SM_USER_ENTRY_POINT"] == "hpo.py"
    assert json.loads(env["SM_USER_ARGS"]) == ["--batch-size", "32", "--name", "resnet"]
    assert json.loads(env["SM_FRAMEWORK_PARAMS"]) == {"sagemaker_torch_distributed_enabled": True}
    assert json.loads(env["SM_TRAINING_ENV"])["job_name"] == "job"


# Of sagemaker-training 5.1.4, in which environment.py's Environment is turned into a dictionary.
TRAINING_ENV = frozenset(
    [
        "additional_framework_parameters",
        "channel_input_dirs",
        "current_host",
        "current_instance_group",
        "current_instance_group_hosts",
        "current_instance_type",
        "distribution_hosts",
        "distribution_instance_groups",
        "framework_module",
        "hosts",
        "hyperparameters",
        "input_config_dir",
        "input_data_config",
        "input_dir",
        "instance_groups",
        "instance_groups_dict",
        "is_hetero",
        "is_master",
        "is_modelparallel_enabled",
        "is_smddpmprun_installed",
        "is_smddprun_installed",
        "job_name",
        "log_level",
        "master_hostname",
        "model_dir",
        "module_dir",
        "module_name",
        "network_interface_name",
        "num_cpus",
        "num_gpus",
        "num_neurons",
        "output_data_dir",
        "output_dir",
        "output_intermediate_dir",
        "resource_config",
        "topology",
        "user_entry_point",
    ]
)


@pytest.mark.parametrize(
    ("parameters", "together"),
    [
        ({"sagemaker_submit_directory": "s3://b/s.tar.gz"}, []),
        ({"sagemaker_torch_distributed_enabled": "true"}, ["homogeneousCluster"]),
        ({"sagemaker_distribution_instance_groups": '["homogeneousCluster"]'}, ["homogeneousCluster"]),
    ],
)
def test_the_script_is_given_all_that_the_toolkit_gives(
    host: HostFolder, parameters: dict[str, str], together: list[str]
) -> None:
    raw = {"sagemaker_program": "hpo.py", **parameters}
    env = toolkit_environment(host, Cluster.of(2, "ml.m5.large", 99), "algo-2", raw, input_data_config(CHANNELS), "job")
    given = json.loads(env["SM_TRAINING_ENV"])
    assert given.keys() == TRAINING_ENV
    assert (given["master_hostname"], given["is_master"]) == ("algo-1", False)
    # Not a folder: where the source was taken from.
    source = parameters.get("sagemaker_submit_directory", str(host.code))
    assert env["SM_MODULE_DIR"] == given["module_dir"] == source
    assert json.loads(env["SM_DISTRIBUTION_INSTANCE_GROUPS"]) == together
    assert given["distribution_hosts"] == (["algo-1", "algo-2"] if together else [])
    group = {
        "instance_group_name": "homogeneousCluster",
        "instance_type": "ml.m5.large",
        "hosts": ["algo-1", "algo-2"],
    }
    assert json.loads(env["SM_INSTANCE_GROUPS_DICT"]) == {"homogeneousCluster": group}
