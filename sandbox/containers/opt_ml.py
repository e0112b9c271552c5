"""The /opt/ml contract of a SageMaker training container, in a folder of the job instead of in an image.

Sources: SageMaker Developer Guide, "How Amazon SageMaker AI provides training information"; the SageMaker
Training Toolkit (ENVIRONMENT_VARIABLES.md) for script mode; ``sagemaker.train`` 1.27's container drivers.
Every ``/opt/ml`` in arguments, values and the job's copy of scripts becomes a path below the host's folder,
and comes back as ``/opt/ml`` in what the job prints; so does ``/tmp`` where the system cannot give a job its own.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

CONTAINER_ROOT = "/opt/ml"
# "/opt/mlflow" is another path; "/opt/ml" and "/opt/ml/..." are ours.
_ROOT_PATTERN = re.compile(r"/opt/ml(?![A-Za-z0-9_-])")
CONTAINER_TMP = "/tmp"  # noqa: S108
# Not a part of another path ("s3://b/tmp", "~/tmp", "$HOME/tmp"), nor the beginning of another name ("/tmpfs").
_TMP_PATTERN = re.compile(r"(?<![\w./~:-])(?<![$}])/tmp(?=[/\s\"'`;:,)}\]&|<>\\]|$)")
_TEXT_SUFFIXES = frozenset({".py", ".sh", ".json", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".env"})
_MAX_REWRITTEN_BYTES = 2 * 1024 * 1024
NETWORK_INTERFACE = "lo" if sys.platform == "linux" else "lo0"
INSTANCE_GROUP = "homogeneousCluster"

PROGRAM = "sagemaker_program"
SUBMIT_DIRECTORY = "sagemaker_submit_directory"
_TOOLKIT_PREFIX = "sagemaker_"
# Of the toolkit's own hyperparameters this is the only one without the prefix (sagemaker_training/params.py).
_TUNING_OBJECTIVE = "_tuning_objective_metric"
_NOT_FRAMEWORK = frozenset(
    f"sagemaker_{name}"
    for name in (
        "program",
        "submit_directory",
        "enable_cloudwatch_metrics",
        "region",
        "container_log_level",
        "job_name",
        "s3_output",
    )
)
# Settings of SDK 2's ``distribution`` that have the toolkit start the script on all hosts together.
_DISTRIBUTIONS = tuple(
    f"sagemaker_{name}_enabled"
    for name in (
        "mpi",
        "parameter_server",
        "distributed_dataparallel",
        "pytorch_ddp",
        "pytorch_xla_multi_worker",
        "multi_worker_mirrored_strategy",
        "torch_distributed",
    )
)
_DISTRIBUTION_GROUPS = "sagemaker_distribution_instance_groups"


@dataclass(frozen=True)
class HostFolder:
    """One host's file system: ``root`` stands for /opt/ml; ``home`` and ``tmp`` belong to the host alone.

    ``tmp_name`` is another, short name of ``tmp`` that texts get for /tmp; empty where the system shows the host's
    processes ``tmp`` as /tmp by itself.
    """

    base: Path
    tmp_name: str = ""

    @cached_property
    def root(self) -> Path:
        """The folder that stands for /opt/ml."""
        return self.base / "ml"

    @cached_property
    def _root_text(self) -> str:
        # Kept as text: every printed line needs it, and turning a path into text is the slow part.
        return str(self.root)

    @property
    def home(self) -> Path:
        """The job's HOME."""
        return self.base / "home"

    @property
    def tmp(self) -> Path:
        """The job's TMPDIR."""
        return self.base / "tmp"

    @property
    def code(self) -> Path:
        """Where script mode unpacks the source."""
        return self.root / "code"

    @property
    def model(self) -> Path:
        """What becomes model.tar.gz."""
        return self.root / "model"

    @property
    def output_data(self) -> Path:
        """What becomes output.tar.gz."""
        return self.root / "output" / "data"

    @property
    def failure(self) -> Path:
        """Where a job may say why it failed."""
        return self.root / "output" / "failure"

    @property
    def config(self) -> Path:
        """Where the job's configuration files are."""
        return self.root / "input" / "config"

    def channel(self, name: str) -> Path:
        """The folder of one input channel."""
        return self.root / "input" / "data" / name

    def create(self) -> None:
        """Make the folders that a container finds at its start."""
        for folder in (self.home, self.tmp, self.code, self.model, self.output_data, self.config):
            folder.mkdir(parents=True, exist_ok=True)
        (self.root / "checkpoints").mkdir(exist_ok=True)
        (self.root / "input" / "data").mkdir(exist_ok=True)
        (self.root / "output" / "intermediate").mkdir(exist_ok=True)

    def local(self, text: str) -> str:
        """``text`` with /opt/ml, and /tmp if need be, replaced by the host's folders."""
        if self.tmp_name and CONTAINER_TMP in text:
            text = _TMP_PATTERN.sub(self._local_tmp, text)
        if CONTAINER_ROOT not in text:
            return text
        return _ROOT_PATTERN.sub(lambda _: self._root_text, text)

    def public(self, text: str) -> str:
        """``text`` with the host's folders replaced by /opt/ml and /tmp."""
        text = text.replace(self._root_text, CONTAINER_ROOT)
        return text.replace(self.tmp_name, CONTAINER_TMP) if self.tmp_name else text

    def _local_tmp(self, found: re.Match[str]) -> str:
        # A path that was changed before, or a state folder that lies in the machine's /tmp.
        real = any(found.string.startswith(place, found.start()) for place in (self.tmp_name, str(self.base)))
        return found[0] if real else self.tmp_name

    def path(self, container_path: str) -> Path:
        """The real place of a path in the container, which must lie below /opt/ml."""
        real = Path(os.path.normpath(self.local(container_path)))
        if not real.is_relative_to(self.root):
            raise ValueError(f"{container_path} does not lie below {CONTAINER_ROOT}")
        return real

    def rewrite_scripts(self, folder: Path, extra: Mapping[str, str] | None = None) -> None:
        """Replace what ``local`` replaces, and the ``extra`` texts, in the scripts and settings below ``folder``."""
        for current, _folders, files in os.walk(folder):
            for name in files:
                path = Path(current) / name
                if path.suffix not in _TEXT_SUFFIXES or path.stat().st_size > _MAX_REWRITTEN_BYTES:
                    continue
                try:
                    text = path.read_text(encoding="utf-8")
                except UnicodeDecodeError:
                    continue
                changed = self.local(text)
                for old, new in (extra or {}).items():
                    changed = changed.replace(old, new)
                if changed != text:
                    path.write_text(changed, encoding="utf-8")


@dataclass(frozen=True)
class Cluster:
    """The hosts of one job as the container sees them."""

    hosts: tuple[str, ...]
    instance_type: str
    master_port: int

    @classmethod
    def of(cls, count: int, instance_type: str, master_port: int) -> Cluster:
        """A cluster of ``count`` hosts, named algo-1 to algo-N."""
        return cls(tuple(f"algo-{number}" for number in range(1, count + 1)), instance_type, master_port)

    def resource_config(self, host: str) -> dict[str, Any]:
        """The content of resourceconfig.json on ``host``."""
        hosts = sorted(self.hosts)
        group = {"instance_group_name": INSTANCE_GROUP, "instance_type": self.instance_type, "hosts": hosts}
        return {
            "current_host": host,
            "current_instance_type": self.instance_type,
            "current_group_name": INSTANCE_GROUP,
            "hosts": hosts,
            "instance_groups": [group],
            "network_interface_name": NETWORK_INTERFACE,
        }


def decode_hyperparameters(raw: Mapping[str, str]) -> dict[str, Any]:
    """The values as the toolkit reads them: JSON where it parses, else the text itself."""
    decoded: dict[str, Any] = {}
    for name, value in raw.items():
        try:
            decoded[name] = json.loads(value)
        except (ValueError, RecursionError):
            decoded[name] = value
    return decoded


def is_script_mode(hyperparameters: Mapping[str, str]) -> bool:
    """True when the request follows the toolkit's script mode (SDK 2 estimators, SDK 3's tuner)."""
    return PROGRAM in hyperparameters


def user_hyperparameters(decoded: Mapping[str, object]) -> dict[str, Any]:
    """What the user's script gets: without the toolkit's own ``sagemaker_...`` entries."""
    return {
        name: value
        for name, value in decoded.items()
        if not name.startswith(_TOOLKIT_PREFIX) and name != _TUNING_OBJECTIVE
    }


def script_arguments(hyperparameters: Mapping[str, object]) -> list[str]:
    """Command-line arguments as the toolkit writes them (sagemaker_training/mapping.py: to_cmd_args)."""
    arguments: list[str] = []
    for name in sorted(hyperparameters):
        value = hyperparameters[name]
        arguments.append(f"--{name}" if len(name) > 1 else f"-{name}")
        if isinstance(value, dict):
            arguments.append(",".join(f"{key}={item}" for key, item in sorted(value.items())))
        else:
            arguments.append("" if value is None else str(value))
    return arguments


def input_data_config(channels: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The content of inputdataconfig.json for the request's ``InputDataConfig``."""
    config: dict[str, dict[str, str]] = {}
    for channel in channels:
        source = channel["DataSource"].get("S3DataSource", {})
        entry = {
            "TrainingInputMode": channel.get("InputMode", "File"),
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
        if channel.get("ContentType"):
            entry["ContentType"] = channel["ContentType"]
        config[channel["ChannelName"]] = entry
    return config


def write_config(
    folder: HostFolder, raw: Mapping[str, str], resources: Mapping[str, object], inputs: Mapping[str, object]
) -> None:
    """Write hyperparameters.json, resourceconfig.json and inputdataconfig.json."""
    local = {name: folder.local(value) for name, value in raw.items()}
    for name, content in (("hyperparameters", local), ("resourceconfig", resources), ("inputdataconfig", inputs)):
        (folder.config / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def toolkit_environment(
    folder: HostFolder,
    cluster: Cluster,
    host: str,
    raw: Mapping[str, str],
    inputs: Mapping[str, object],
    job_name: str,
) -> dict[str, str]:
    """The ``SM_*`` variables that the SageMaker Training Toolkit gives to a script on ``host``."""
    decoded = decode_hyperparameters({name: folder.local(value) for name, value in raw.items()})
    hyperparameters = user_hyperparameters(decoded)
    framework = {
        name: value
        for name, value in decoded.items()
        if name.startswith(_TOOLKIT_PREFIX) and name not in _NOT_FRAMEWORK
    }
    resources = cluster.resource_config(host)
    program = str(decoded.get(PROGRAM, ""))
    channels = {name: str(folder.channel(name)) for name in inputs}
    distributed = any(framework.get(name) for name in _DISTRIBUTIONS)
    # What the toolkit gives in SM_TRAINING_ENV, and by the same names as variables of their own.
    both: dict[str, Any] = {
        "hosts": resources["hosts"],
        "network_interface_name": NETWORK_INTERFACE,
        "user_entry_point": program,
        "resource_config": resources,
        "input_data_config": inputs,
        "output_data_dir": str(folder.output_data),
        "current_host": host,
        "current_instance_type": cluster.instance_type,
        "current_instance_group": INSTANCE_GROUP,
        "current_instance_group_hosts": resources["hosts"],
        "instance_groups": [INSTANCE_GROUP],
        "instance_groups_dict": {group["instance_group_name"]: group for group in resources["instance_groups"]},
        "distribution_instance_groups": framework.get(_DISTRIBUTION_GROUPS, [INSTANCE_GROUP] if distributed else []),
        "is_hetero": False,
        "module_name": program.removesuffix(".py"),
        "module_dir": str(decoded.get(SUBMIT_DIRECTORY, folder.code)),
        "log_level": decoded.get("sagemaker_container_log_level", 20),
        "framework_module": "sagemaker_pytorch_container.training:main",
        "input_dir": str(folder.root / "input"),
        "input_config_dir": str(folder.config),
        "output_dir": str(folder.root / "output"),
        "output_intermediate_dir": str(folder.root / "output" / "intermediate"),
        "num_cpus": os.cpu_count() or 1,
        "num_gpus": 0,
        "num_neurons": 0,
        "model_dir": str(folder.model),
    }
    values = both | {
        "hps": hyperparameters,
        "framework_params": framework,
        "channels": sorted(channels),
        "current_host_rank": resources["hosts"].index(host),
        "host_count": len(resources["hosts"]),
        "user_args": script_arguments(hyperparameters),
        "master_addr": "127.0.0.1",
        "master_port": cluster.master_port,
    }
    first = resources["hosts"][0]
    values["training_env"] = both | {
        "additional_framework_parameters": framework,
        "channel_input_dirs": channels,
        "distribution_hosts": resources["hosts"] if both["distribution_instance_groups"] else [],
        "hyperparameters": hyperparameters,
        "is_master": host == first,
        "is_modelparallel_enabled": None,
        "is_smddpmprun_installed": False,
        "is_smddprun_installed": False,
        "job_name": job_name,
        "master_hostname": first,
        "topology": [],
    }
    values |= {f"channel_{name}": path for name, path in channels.items()}
    values |= {f"hp_{name}": value for name, value in hyperparameters.items()}
    variables = {f"SM_{name.upper()}": _as_variable(value) for name, value in values.items()}
    # The toolkit keeps the dash of a name; SDK 3's drivers make it an underscore, which shells can read, too.
    return variables | {name.replace("-", "_"): value for name, value in variables.items() if "-" in name}


def _as_variable(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
