"""The user's inference code behind SageMaker's handler functions, with the toolkit's defaults.

Semantics: sagemaker-inference-toolkit (transformer.py) and sagemaker-pytorch-inference-toolkit
(default_pytorch_inference_handler.py): ``model_fn``, ``input_fn``, ``predict_fn``, ``output_fn`` or
``transform_fn``, each with or without a last ``context`` argument. Runs in the inference process only.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import io
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

JSON, CSV, NPY, ANY = "application/json", "text/csv", "application/x-npy", "*/*"
_UTF8_TYPES = (JSON, CSV)
# Names that fit a sentence.
_MOST_NAMES = 5
# Of ours, beside the toolkit's functions: predicts for a list of what input_fn gave, in several threads at a time.
BATCH_FUNCTION = "predict_batch_fn"
_OPTIONAL = ("transform_fn", "pre_model_fn", "model_warmup_fn", BATCH_FUNCTION)

Answer = tuple[int, dict[str, str], bytes]


class UnsupportedFormat(Exception):
    """Status 415: no handler for this content type or accept."""

    def __init__(self, content_type: str) -> None:
        super().__init__(
            f"Content type {content_type} is not supported by this framework.\n\nPlease implement input_fn to "
            "deserialize the request data or an output_fn to serialize the response."
        )


class Context:
    """What handlers see as ``context``: the model's folder and the headers of the request."""

    def __init__(self, model_dir: str) -> None:
        self.system_properties: dict[str, object] = {"model_dir": model_dir, "gpu_id": None}
        self.request_headers: dict[str, str] = {}
        self.response_headers: dict[str, str] = {}
        self.status: int | None = None

    def get_request_header(self, _index: int, key: str) -> str | None:
        """The request's header of this name."""
        wanted = key.lower()
        return next((value for name, value in self.request_headers.items() if name.lower() == wanted), None)

    def get_all_request_header(self, _index: int) -> dict[str, str]:
        """All headers of the request."""
        return self.request_headers

    def set_response_header(self, _index: int, key: str, value: str) -> None:
        """Add a header to the answer (X-Amzn-SageMaker-Custom-Attributes reaches the caller)."""
        self.response_headers[key] = value

    def set_response_content_type(self, _index: int, value: str) -> None:
        """Set the answer's content type."""
        self.response_headers["Content-Type"] = value

    def set_response_status(self, code: int = 200, phrase: str = "", _index: int = 0) -> None:
        """Set the answer's status."""
        self.status = code


class _Invocation:
    """One request as the handlers get it."""

    def __init__(self, model: Context, headers: dict[str, str], body: bytes, default_accept: str) -> None:
        self.context = Context(str(model.system_properties["model_dir"]))
        self.context.request_headers = headers
        self.content_type = headers.get("Content-Type") or JSON
        accept = headers.get("Accept") or default_accept
        self.accept = default_accept if accept == ANY else accept
        self.body = body

    @property
    def data(self) -> object:
        """The body, as text where it is one. Raises ``UnicodeDecodeError``."""
        return self.body.decode("utf-8") if self.content_type in _UTF8_TYPES else self.body


class Handlers:
    """One loaded model and the functions around it."""

    def __init__(self, code: Path, program: str, model_dir: Path) -> None:
        self._root = str(model_dir.parent)
        self.context = Context(str(model_dir))
        module = _load(code, program)
        self._functions = _functions(module)
        self._arity = {name: len(inspect.signature(function).parameters) for name, function in self._functions.items()}
        self._default_accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
        if "pre_model_fn" in self._functions:
            self._call("pre_model_fn", self.context, str(model_dir))
        self.model = self._call("model_fn", self.context, str(model_dir))
        if "model_warmup_fn" in self._functions:
            self._call("model_warmup_fn", self.context, str(model_dir), self.model)

    @property
    def streams(self) -> int:
        """In how many threads requests may be answered; 0: in one, and one by one."""
        batches = BATCH_FUNCTION in self._functions and "transform_fn" not in self._functions
        threads = os.environ.get("OMP_NUM_THREADS", "")
        return max(1, int(threads) if threads.isdigit() else 1) if batches else 0

    def answer(self, headers: dict[str, str], body: bytes) -> Answer:
        """Answer one invocation: status, headers (Content-Type and what the handlers set) and body."""
        return self._answer(_Invocation(self.context, headers, body, self._default_accept), self._transform)

    def answer_all(self, requests: list[tuple[dict[str, str], bytes]]) -> list[Answer]:
        """Answer invocations beside others, or several that wait together, which the model sees as one batch."""
        calls = [_Invocation(self.context, headers, body, self._default_accept) for headers, body in requests]
        answers: list[Answer | None] = [None] * len(calls)
        taken: list[object] = []
        for number, call in enumerate(calls):
            try:
                taken.append(self._call("input_fn", call.context, call.data, call.content_type))
            except Exception as error:
                answers[number] = self._failed(error)
        waiting = [number for number, answer in enumerate(answers) if answer is None]
        try:
            predictions = self._functions[BATCH_FUNCTION](taken, self.model) if waiting else []
        except Exception:
            # Each alone: what the model cannot take must not cost the others their answer.
            return [self.answer(*request) for request in requests]
        for number, prediction in zip(waiting, predictions, strict=True):
            answers[number] = self._answer(calls[number], functools.partial(self._finish, prediction))
        return [answer for answer in answers if answer is not None]

    def _answer(self, call: _Invocation, transform: Callable[[_Invocation], object]) -> Answer:
        try:
            result, answer_type = transform(call), call.accept
            if isinstance(result, tuple):
                result, answer_type = result[0], result[1]
            encoded = _as_bytes(result)
        except Exception as error:
            return self._failed(error)
        context = call.context
        return context.status or 200, {"Content-Type": answer_type, **context.response_headers}, encoded

    def _failed(self, error: Exception) -> Answer:
        if isinstance(error, UnsupportedFormat):
            return 415, {"Content-Type": "text/plain"}, str(error).encode()
        status = getattr(error, "status_code", 500)
        return (status if isinstance(status, int) else 500), {"Content-Type": "text/plain"}, self._tell(error)

    def _transform(self, call: _Invocation) -> object:
        if "transform_fn" in self._functions:
            return self._call("transform_fn", call.context, self.model, call.data, call.content_type, call.accept)
        taken = self._call("input_fn", call.context, call.data, call.content_type)
        return self._finish(self._call("predict_fn", call.context, taken, self.model), call)

    def _finish(self, prediction: object, call: _Invocation) -> object:
        return self._call("output_fn", call.context, prediction, call.accept)

    def _tell(self, error: Exception) -> bytes:
        """Print the error and return it as the toolkit does, message first, without the sandbox's own frames."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        text = "".join(traceback.format_exception(type(error), error, trace)).replace(self._root, "/opt/ml")
        print(text, file=sys.stderr, flush=True)
        return f"{error}\n{text}".encode()

    def _call(self, name: str, context: Context, *arguments: object) -> object:
        function = self._functions[name]
        expected = self._arity[name]
        if expected == len(arguments):
            return function(*arguments)
        if expected == len(arguments) + 1:
            return function(*arguments, context)
        raise TypeError(f"{name} takes {expected} arguments but {len(arguments)} were given.")


def _load(code: Path, program: str) -> ModuleType | None:
    """Import the user's program as a module of its own name, with its folder first on the path.

    None where there is none: then the toolkit's own handlers serve the model.
    """
    if not program:
        return None
    path = code / program
    if not path.is_file():
        names = sorted(entry.name for entry in code.iterdir()) if code.is_dir() else []
        present = ", ".join([name for name in names if name != "__pycache__"][:20]) or "nothing"
        print(
            f"The entry point {program} is not in the model's code folder, which has: {present}. The toolkit's default "
            "handlers serve the model.",
            flush=True,
        )
        return None
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{program} is no Python program.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _functions(module: ModuleType | None) -> dict[str, Callable[..., Any]]:
    defaults: dict[str, Callable[..., Any]] = {
        "model_fn": default_model_fn,
        "input_fn": default_input_fn,
        "predict_fn": default_predict_fn,
        "output_fn": default_output_fn,
    }
    own = {name: getattr(module, name) for name in (*defaults, *_OPTIONAL) if hasattr(module, name)}
    if "transform_fn" in own and {"input_fn", "predict_fn", "output_fn"} & own.keys():
        raise ValueError(
            "Cannot use transform_fn implementation in conjunction with input_fn, predict_fn, and/or output_fn "
            "implementation"
        )
    return defaults | own


def default_model_fn(model_dir: str) -> object:
    """Load the one TorchScript file (.pt or .pth) of the model's folder."""
    import torch

    folder = Path(model_dir)
    path = folder / "model.pt"
    if not path.exists():
        found = [entry for entry in folder.iterdir() if entry.suffix in (".pt", ".pth")]
        if len(found) != 1:
            names = [entry.name for entry in found]
            text = f"Exactly one .pth or .pt file is required for PyTorch models: {names}"
            if not names:
                text += f". The model data has no model.pth, and no code that loads one; it holds {_content(folder)}."
            raise ValueError(text)
        path = found[0]
    try:
        return torch.jit.load(str(path), map_location="cpu")
    except RuntimeError as error:
        raise RuntimeError(
            f"Failed to load {path}. Please ensure model is saved using torchscript, or provide a model_fn."
        ) from error


def _content(folder: Path) -> str:
    names = sorted(entry.name for entry in folder.iterdir())
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return (", ".join(names[:_MOST_NAMES]) + more) or "nothing"


def default_input_fn(data: Any, content_type: str) -> Any:
    """A tensor of JSON, CSV or npy input."""
    import numpy
    import torch

    if content_type == JSON:
        return torch.FloatTensor(numpy.array(json.loads(data)))
    if content_type == CSV:
        return torch.FloatTensor(numpy.genfromtxt(io.StringIO(data), delimiter=","))
    if content_type == NPY:
        # The toolkit allows pickled arrays here; whoever may call an endpoint must not run code in it.
        return torch.from_numpy(numpy.load(io.BytesIO(data), allow_pickle=False))
    raise UnsupportedFormat(content_type)


def default_predict_fn(data: Any, model: Any) -> Any:
    """Call the model without gradients."""
    import torch

    model.eval()
    with torch.no_grad():
        return model(data)


def default_output_fn(prediction: Any, accept: str) -> Any:
    """The prediction as JSON, CSV or npy."""
    import numpy

    if hasattr(prediction, "detach"):
        prediction = prediction.detach().cpu().numpy().tolist()
    for content_type in (part.split(";")[0].strip() for part in accept.split(",")):
        if content_type in (JSON, ANY):
            return json.dumps(prediction, default=lambda value: value.tolist())
        if content_type == CSV:
            text = io.StringIO()
            numpy.savetxt(text, prediction, delimiter=",", fmt="%s")
            return text.getvalue()
        if content_type == NPY:
            data = io.BytesIO()
            numpy.save(data, prediction)
            return data.getvalue()
    raise UnsupportedFormat(accept)


def _as_bytes(result: object) -> bytes:
    if isinstance(result, bytes | bytearray):
        return bytes(result)
    if isinstance(result, str):
        return result.encode()
    return json.dumps(result).encode()
