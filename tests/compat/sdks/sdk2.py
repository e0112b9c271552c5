"""SDK 2 through what an operator does with it. Run by ``flows.py`` in an environment of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import boto3
import sagemaker
from sagemaker.analytics import TrainingJobAnalytics
from sagemaker.deserializers import JSONDeserializer
from sagemaker.inputs import TrainingInput
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.pytorch import PyTorch, PyTorchModel
from sagemaker.pytorch.processing import PyTorchProcessor
from sagemaker.serializers import DataSerializer, JSONSerializer
from sagemaker.tuner import CategoricalParameter, ContinuousParameter, HyperparameterTuner

BUCKET, ROLE, SOURCE = (os.environ[name] for name in ("COMPAT_BUCKET", "COMPAT_ROLE", "COMPAT_SOURCE"))
OURS = Path(os.environ["COMPAT_OURS"])
METRICS = [{"Name": "loss", "Regex": r"loss=([0-9\.]+)"}]
VERSION = {"framework_version": "2.6", "py_version": "py312"}
JSON = {"serializer": JSONSerializer(), "deserializer": JSONDeserializer()}


def right(step: str) -> None:
    """Say that a step worked, on a line of its own: while it waits, the SDK draws dots."""
    print(f"\nright: {step}", flush=True)


session = sagemaker.Session(default_bucket=BUCKET)
s3, client = boto3.client("s3"), boto3.client("sagemaker")
data = Path("data")
data.mkdir()
for number in range(3):
    (data / f"{number}.txt").write_text("x")
uploaded = session.upload_data(str(data), BUCKET, "data")
right("upload_data")

common = {"role": ROLE, "sagemaker_session": session, "instance_count": 1, "instance_type": "ml.m5.large"}
estimator = PyTorch(
    entry_point="train.py", source_dir=SOURCE, metric_definitions=METRICS, hyperparameters={"rate": 0.3, "epochs": 3},
    output_path=f"s3://{BUCKET}/out", disable_profiler=True, debugger_hook_config=False, **common, **VERSION,
)  # fmt: skip
estimator.fit({"training": TrainingInput(uploaded)}, logs="All")
right("PyTorch.fit with its log")
job = estimator.latest_training_job.name
assert PyTorch.attach(job, sagemaker_session=session).model_data == estimator.model_data
right("attach")
assert len(TrainingJobAnalytics(job, ["loss"], sagemaker_session=session).dataframe())
right("TrainingJobAnalytics")

predictor = estimator.deploy(1, "ml.m5.large", entry_point="inference.py", source_dir=SOURCE, **JSON)
answer = predictor.predict({"a": 1})
assert answer == {"asked": {"a": 1}, "model": {"rate": 0.3, "files": 3}}, answer
right("estimator.deploy and predict")
predictor.update_endpoint(initial_instance_count=2, instance_type="ml.m5.large")
assert predictor.predict([1])["asked"] == [1]
right("update_endpoint")
predictor.delete_endpoint(delete_endpoint_config=True)
client.get_waiter("endpoint_deleted").wait(
    EndpointName=predictor.endpoint_name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
)
right("delete_endpoint")
# The configuration from before the update stays, as the SDK has it.
for config in client.list_endpoint_configs()["EndpointConfigs"]:
    client.delete_endpoint_config(EndpointConfigName=config["EndpointConfigName"])

tuner = HyperparameterTuner(
    estimator, "loss", {"rate": ContinuousParameter(0.1, 0.9), "epochs": CategoricalParameter([1, 2])}, METRICS,
    objective_type="Minimize", max_jobs=4, max_parallel_jobs=2, strategy="Random", early_stopping_type="Auto",
)  # fmt: skip
tuner.fit({"training": TrainingInput(uploaded)}, wait=False)
tuner.wait()
assert client.describe_hyper_parameter_tuning_job(
    HyperParameterTuningJobName=tuner.latest_tuning_job.name
)["HyperParameterTuningJobStatus"] == "Completed"  # fmt: skip
right("HyperparameterTuner.fit")
assert tuner.best_training_job() and len(tuner.analytics().dataframe()) == 4
assert tuner.best_estimator().model_data
right("best_training_job, best_estimator, analytics")
found = HyperparameterTuner.attach(tuner.latest_tuning_job.name, sagemaker_session=session)
assert found.best_training_job() == tuner.best_training_job()
right("HyperparameterTuner.attach")

inputs = [ProcessingInput(uploaded, "/opt/ml/processing/input/data")]
outputs = [ProcessingOutput(source="/opt/ml/processing/output", output_name="out", destination=f"s3://{BUCKET}/p")]
script = ScriptProcessor(image_uri=estimator.training_image_uri(), command=["python3"], **common)
script.run(f"{SOURCE}/process.py", inputs=inputs, outputs=outputs, arguments=["--word", "one"], logs=True)
assert s3.get_object(Bucket=BUCKET, Key="p/count.txt")["Body"].read() == b"3"
right("ScriptProcessor with its log")
PyTorchProcessor(**common, **VERSION).run(code="process.py", source_dir=SOURCE, inputs=inputs, outputs=outputs)
right("PyTorchProcessor with a source folder")

model = PyTorchModel(
    estimator.model_data, ROLE, "inference.py", source_dir=SOURCE, sagemaker_session=session, **VERSION
)
s3.put_object(Bucket=BUCKET, Key="ask/one.jsonl", Body=b'{"n": 1}\n{"n": 2}\n')
transformer = model.transformer(
    1, "ml.m5.large", strategy="SingleRecord", assemble_with="Line", accept="application/json",
    output_path=f"s3://{BUCKET}/told",
)  # fmt: skip
transformer.transform(f"s3://{BUCKET}/ask/", content_type="application/json", split_type="Line", logs=True)
lines = s3.get_object(Bucket=BUCKET, Key="told/one.jsonl.out")["Body"].read().decode().splitlines()
assert [json.loads(line)["asked"]["n"] for line in lines] == [1, 2], lines
right("PyTorchModel.transformer and transform")

ours = PyTorch(
    entry_point="train.py", source_dir=str(OURS / "training"), output_path=f"s3://{BUCKET}/out",
    hyperparameters={"epochs": 2, "views": 1, "image-size": 96, "batch_size": 8, "seed": 1},
    disable_profiler=True, debugger_hook_config=False, **common, **VERSION,
)  # fmt: skip
ours.fit({"training": TrainingInput(session.upload_data(str(OURS / "pictures"), BUCKET, "pictures"))}, logs="All")
right("PyTorch.fit of a copy of our training folder")
# Its own code goes into the model's archive: all of the folder in the place of what lies there, or the handler alone.
sources = {
    "a copy of our training folder": {"entry_point": "inference.py", "source_dir": str(OURS / "training")},
    "our handler alone": {"entry_point": str(OURS / "training" / "inference.py")},
}
told = []
for what, source in sources.items():
    served = PyTorchModel(ours.model_data, ROLE, sagemaker_session=session, **source, **VERSION)
    predictor = served.deploy(
        1, "ml.m5.large", serializer=DataSerializer(content_type="image/jpeg"), deserializer=JSONDeserializer()
    )
    told.append(predictor.predict((OURS / "asked.jpg").read_bytes()))
    predictor.delete_endpoint(delete_endpoint_config=True)
    client.get_waiter("endpoint_deleted").wait(
        EndpointName=predictor.endpoint_name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    right(f"PyTorchModel.deploy with {what}")
assert sorted(told[0]["classes"]) == ["Breed 1", "Breed 2"] and told[0]["labels"] == told[1]["labels"], told
# Each endpoint computes with as many threads as were fastest when it began, and they add up in another order.
apart = [abs(first - second) for first, second in zip(*(answer["probabilities"] for answer in told), strict=True)]
assert max(apart) < 1e-4, told
right("both answer the same of a picture")
for name in [model["ModelName"] for model in client.list_models()["Models"]]:
    client.delete_model(ModelName=name)
right("delete_model")
