"""``HyperparameterTuner`` of the SageMaker Python SDK for one backend and one click.

Imported only by ``workers.launcher.child``. Written against sagemaker-train 1.27 (``sagemaker/train/tuner.py``): the
tuner uploads the source as sourcedir.tar.gz and sends ``sagemaker_program`` and ``sagemaker_submit_directory``, so
the image's own toolkit starts the script, because CreateHyperParameterTuningJob knows no entry point.
"""

from __future__ import annotations

from pydantic import ValidationError
from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter, IntegerParameter
from sagemaker.core.resources import HyperParameterTuningJob
from sagemaker.core.shapes import (
    HyperbandStrategyConfig,
    HyperParameterTuningJobStrategyConfig,
    HyperParameterTuningJobWarmStartConfig,
    ParentHyperParameterTuningJob,
)
from sagemaker.core.training.configs import InputData
from sagemaker.train.tuner import HyperparameterTuner

from workers.errors.tree import InvalidInput
from workers.launcher.request import Hyperband, Launched, LaunchRequest, Range, WarmStart
from workers.launcher.sdk import SdkLauncher
from workers.launcher.source import staged_source


class SdkTuner:
    """Creates tuning jobs through the launcher's warm session. Everything blocks."""

    def __init__(self, launcher: SdkLauncher) -> None:
        self._launcher = launcher

    def launch(self, request: LaunchRequest) -> Launched:
        """Upload the code and create the tuning job; returns what was made.

        Raises ``InvalidInput`` for what the SDK refuses; what boto3 raises comes out as it is.
        """
        try:
            with staged_source(request) as source:
                return self._launch(request, source)
        except (ValidationError, ValueError) as error:
            reasons = str(error)
            if isinstance(error, ValidationError):
                reasons = "; ".join(str(item["msg"]) for item in error.errors(include_input=False, include_url=False))
            raise InvalidInput(f"Could not {request.doing}", reasons) from error

    def _launch(self, request: LaunchRequest, source: str) -> Launched:
        part = request.tuning
        assert part is not None
        trainer = self._launcher.trainer(request, source)
        # The tuner puts its uploads below this name, at the top of the bucket.
        trainer.base_job_name = f"{request.prefix}/{request.job_name}"
        tuner = HyperparameterTuner(
            model_trainer=trainer,
            objective_metric_name=part.objective_metric,
            objective_type=part.objective_type,
            hyperparameter_ranges={searched.name: _parameter(searched) for searched in part.ranges},
            metric_definitions=[{"Name": metric.name, "Regex": metric.regex} for metric in request.metric_definitions],
            strategy=part.strategy,
            max_jobs=part.max_jobs,
            max_parallel_jobs=part.max_parallel,
            max_runtime_in_seconds=part.max_runtime_seconds,
            early_stopping_type=part.early_stopping,
            random_seed=part.random_seed,
            strategy_config=_strategy_config(part.hyperband),
            warm_start_config=_warm_start(part.warm_start),
            tags=[{"Key": key, "Value": value} for key, value in request.tags.items()],
        )
        channels = [InputData(channel_name=name, data_source=uri) for name, uri in sorted(request.channels.items())]
        tuner.tune(inputs=channels, job_name=request.job_name, wait=False)
        job: HyperParameterTuningJob = tuner.latest_tuning_job
        return Launched(job.hyper_parameter_tuning_job_name, job.hyper_parameter_tuning_job_arn)


def _parameter(searched: Range) -> ContinuousParameter | IntegerParameter | CategoricalParameter:
    if searched.kind == "Categorical":
        return CategoricalParameter(list(searched.values))
    kind = IntegerParameter if searched.kind == "Integer" else ContinuousParameter
    return kind(*searched.bounds, searched.scaling)


def _strategy_config(hyperband: Hyperband | None) -> HyperParameterTuningJobStrategyConfig | None:
    if hyperband is None:
        return None
    resources = HyperbandStrategyConfig(min_resource=hyperband.least, max_resource=hyperband.most)
    return HyperParameterTuningJobStrategyConfig(hyperband_strategy_config=resources)


def _warm_start(warm_start: WarmStart | None) -> HyperParameterTuningJobWarmStartConfig | None:
    if warm_start is None:
        return None
    return HyperParameterTuningJobWarmStartConfig(
        warm_start_type=warm_start.type,
        parent_hyper_parameter_tuning_jobs=[
            ParentHyperParameterTuningJob(hyper_parameter_tuning_job_name=name) for name in warm_start.parents
        ],
    )
