"""What the SageMaker Training Toolkit does before a script runs; runs inside of a job, as a plain script.

``train.py PROGRAM [ARGUMENT ...]`` in the folder of the unpacked source: installs requirements.txt if
there is one, prints the command, and becomes the command, so that signals reach the script itself.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:  # noqa: RET503 - what is put in its place at the end does not return
    """Prepare and run; returns only when something is wrong."""
    command = prepare(arguments)
    if isinstance(command, int):
        return command
    os.execvpe(command[0], command, os.environ)  # noqa: S606


def prepare(arguments: list[str]) -> list[str] | int:
    """Install what the source asks for, and say what is run then; an exit status when something is wrong."""
    program, rest = arguments[0], arguments[1:]
    if not Path(program).is_file():
        present = ", ".join(sorted(path.name for path in Path().iterdir())[:20]) or "nothing"
        print(f"The entry point {program} is not in the source. The source has: {present}.", file=sys.stderr)
        return 1
    if Path("requirements.txt").is_file():
        import requirements

        status = requirements.main(["requirements.txt"])
        if status:
            return status
    command = command_line(program, rest, json.loads(os.environ.get("SM_FRAMEWORK_PARAMS", "{}")))
    print(f"Invoking script with the following command:\n\n{shlex.join(command)}\n", flush=True)
    return command


def command_line(program: str, arguments: list[str], framework: dict[str, object]) -> list[str]:
    """The command for a Python script, a script under torchrun, or any other program."""
    if not program.endswith(".py"):
        return ["/bin/sh", "-c", f"chmod +x {shlex.quote(program)} && ./{shlex.join([program, *arguments])}"]
    if framework.get("sagemaker_torch_distributed_enabled") is not True:
        return [sys.executable, program, *arguments]
    hosts = json.loads(os.environ["SM_HOSTS"])
    return [
        sys.executable,
        "-m",
        "torch.distributed.run",
        f"--nnodes={len(hosts)}",
        "--nproc_per_node=1",
        f"--master_addr={os.environ['SM_MASTER_ADDR']}",
        f"--master_port={os.environ['SM_MASTER_PORT']}",
        f"--node_rank={hosts.index(os.environ['SM_CURRENT_HOST'])}",
        program,
        *arguments,
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
