"""SDK 3 through what an operator does with it. Run by ``flows.py`` in an environment of its own."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter
from sagemaker.core.processing import FrameworkProcessor, ScriptProcessor
from sagemaker.core.resources import Endpoint, EndpointConfig, Model, TrainingJob
from sagemaker.core.shapes import (
    ContainerDefinition,
    OutputDataConfig,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
    ProductionVariant,
)
from sagemaker.core.training.configs import Compute, InputData, MetricDefinition, SourceCode
from sagemaker.core.transformer import Transformer
from sagemaker.train import ModelTrainer
from sagemaker.train.distributed import Torchrun
from sagemaker.train.tuner import HyperparameterTuner

BUCKET, ROLE, SOURCE = (os.environ[name] for name in ("COMPAT_BUCKET", "COMPAT_ROLE", "COMPAT_SOURCE"))
OURS = Path(os.environ["COMPAT_OURS"])
IMAGES = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
TRAINING, INFERENCE = f"{IMAGES}/pytorch-training:2.6.0-cpu-py312", f"{IMAGES}/pytorch-inference:2.6.0-cpu-py312"


def right(step: str) -> None:
    """Say that a step worked, on a line of its own: while it waits, the SDK draws dots."""
    print(f"\nright: {step}", flush=True)


def in_service(name: str, archive: str) -> tuple[Model, EndpointConfig, Endpoint]:
    """A model of an archive in S3, in service."""
    container = ContainerDefinition(
        image=INFERENCE,
        model_data_url=archive,
        environment={"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
    )
    model = Model.create(model_name=name, primary_container=container, execution_role_arn=ROLE)
    variant = ProductionVariant(
        variant_name="AllTraffic", model_name=name, initial_instance_count=1, instance_type="ml.m5.large"
    )
    config = EndpointConfig.create(endpoint_config_name=name, production_variants=[variant])
    endpoint = Endpoint.create(endpoint_name=name, endpoint_config_name=name)
    endpoint.wait_for_status("InService")
    return model, config, endpoint


session = Session(default_bucket=BUCKET)
s3, client = boto3.client("s3"), boto3.client("sagemaker")
data = Path("data")
data.mkdir()
for number in range(3):
    (data / f"{number}.txt").write_text("x")
uploaded = session.upload_data(str(data), BUCKET, "data")
right("upload_data")


def trainer() -> ModelTrainer:
    """A trainer of the small script."""
    return ModelTrainer(
        sagemaker_session=session,
        role=ROLE,
        training_image=TRAINING,
        base_job_name="sdk3",
        source_code=SourceCode(source_dir=SOURCE, entry_script="train.py"),
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{BUCKET}/out"),
        hyperparameters={"rate": 0.3, "epochs": 3},
    ).with_metric_definitions([MetricDefinition(name="loss", regex=r"loss=([0-9\.]+)")])


channels = [InputData(channel_name="training", data_source=uploaded)]
single = trainer()
single.train(input_data_config=channels, wait=True, logs=True)
job = TrainingJob.get(single._latest_training_job.training_job_name)
assert job.training_job_status == "Completed"
right("ModelTrainer.train with its log")
assert job.final_metric_data_list[0].metric_name == "loss"
right("the job's metrics")

artifacts = job.model_artifacts.s3_model_artifacts
bucket, _, key = artifacts.removeprefix("s3://").partition("/")
s3.download_file(bucket, key, "model.tar.gz")
with tarfile.open("model.tar.gz") as trained:
    trained.extractall("model", filter="data")
with tarfile.open("served.tar.gz", "w:gz") as served:
    served.add("model/model.pth", "model.pth")
    served.add(f"{SOURCE}/inference.py", "code/inference.py")
s3.upload_file("served.tar.gz", BUCKET, "served/model.tar.gz")
model, config, endpoint = in_service("sdk3", f"s3://{BUCKET}/served/model.tar.gz")
right("Model, EndpointConfig and Endpoint.create")
told = endpoint.invoke(body=json.dumps({"a": 1}), content_type="application/json")
assert json.loads(told.body.read()) == {"asked": {"a": 1}, "model": {"rate": 0.3, "files": 3}}
right("Endpoint.invoke")
endpoint.delete()
endpoint.wait_for_delete()
config.delete()
right("Endpoint.delete")

tuner = HyperparameterTuner(
    model_trainer=trainer(),
    objective_metric_name="loss",
    objective_type="Minimize",
    hyperparameter_ranges={"rate": ContinuousParameter(0.1, 0.9), "epochs": CategoricalParameter([1, 2])},
    metric_definitions=[{"Name": "loss", "Regex": r"loss=([0-9\.]+)"}],
    strategy="Random",
    max_jobs=4,
    max_parallel_jobs=2,
)
tuner.tune(inputs=channels, wait=True)
right("HyperparameterTuner.tune")
assert tuner.best_training_job()
assert len(tuner.analytics().dataframe()) == 4
right("best_training_job and analytics")

inputs = [
    ProcessingInput(
        input_name="data",
        s3_input=ProcessingS3Input(
            s3_uri=uploaded, local_path="/opt/ml/processing/input/data", s3_data_type="S3Prefix", s3_input_mode="File"
        ),
    )
]
outputs = [
    ProcessingOutput(
        output_name="out",
        s3_output=ProcessingS3Output(
            s3_uri=f"s3://{BUCKET}/p", local_path="/opt/ml/processing/output", s3_upload_mode="EndOfJob"
        ),
    )
]
machine = {"role": ROLE, "instance_count": 1, "instance_type": "ml.m5.large", "sagemaker_session": session}
script = ScriptProcessor(image_uri=TRAINING, command=["python3"], **machine)
script.run(f"{SOURCE}/process.py", inputs=inputs, outputs=outputs, arguments=["--word", "one"], logs=True)
assert s3.get_object(Bucket=BUCKET, Key="p/count.txt")["Body"].read() == b"3"
right("ScriptProcessor with its log")
framework = FrameworkProcessor(image_uri=TRAINING, command=["python3"], **machine)
framework.run(code="process.py", source_dir=SOURCE, inputs=inputs, outputs=outputs)
right("FrameworkProcessor with a source folder")

s3.put_object(Bucket=BUCKET, Key="ask/one.jsonl", Body=b'{"n": 1}\n{"n": 2}\n')
transformer = Transformer(
    "sdk3", 1, "ml.m5.large", strategy="SingleRecord", assemble_with="Line", accept="application/json",
    output_path=f"s3://{BUCKET}/told", sagemaker_session=session,
)  # fmt: skip
transformer.transform(f"s3://{BUCKET}/ask/", content_type="application/json", split_type="Line", logs=True)
lines = s3.get_object(Bucket=BUCKET, Key="told/one.jsonl.out")["Body"].read().decode().splitlines()
assert [json.loads(line)["asked"]["n"] for line in lines] == [1, 2], lines
right("Transformer.transform")
model.delete()
right("Model.delete")

parallel = ModelTrainer(
    sagemaker_session=session,
    role=ROLE,
    training_image=TRAINING,
    base_job_name="sdk3-ours",
    source_code=SourceCode(source_dir=str(OURS / "training"), entry_script="train.py", requirements="requirements.txt"),
    distributed=Torchrun(process_count_per_node=1),
    compute=Compute(instance_type="ml.m5.large", instance_count=2),
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{BUCKET}/out"),
    hyperparameters={"epochs": 2, "views": 1, "image-size": 96, "batch_size": 8, "seed": 1},
)
pictures = session.upload_data(str(OURS / "pictures"), BUCKET, "pictures")
parallel.train(input_data_config=[InputData(channel_name="training", data_source=pictures)], wait=True, logs=True)
job = TrainingJob.get(parallel._latest_training_job.training_job_name)
assert job.training_job_status == "Completed"
right("ModelTrainer.train of a copy of our training folder under Torchrun on two instances")
model, config, endpoint = in_service("ours", job.model_artifacts.s3_model_artifacts)
told = endpoint.invoke(body=(OURS / "asked.jpg").read_bytes(), content_type="image/jpeg")
assert sorted(json.loads(told.body.read())["classes"]) == ["Breed 1", "Breed 2"]
endpoint.delete()
endpoint.wait_for_delete()
config.delete()
model.delete()
right("an endpoint of the model as the job left it")
