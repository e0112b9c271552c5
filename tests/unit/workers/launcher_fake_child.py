"""Stands in for the launcher child: speaks its protocol without the SDK. What a job is named decides what happens."""

import json
import os
import sys
import time

backend = json.loads(sys.stdin.readline())
if backend["label"] == "never ready":
    print(json.dumps({"ready": False, "error": {"kind": "LocalProblem", "title": "No SDK", "message": "gone"}}))
    sys.exit(1)
if backend["label"] == "dies at once":
    print("ModuleNotFoundError: no such thing", file=sys.stderr)
    sys.exit(3)
print(json.dumps({"ready": True, "seconds": 0.0}), flush=True)
of_three = 0
for line in sys.stdin:
    request = json.loads(line)
    name = request["job_name"]
    if name == "die":
        print("Segmentation fault, as it were", file=sys.stderr, flush=True)
        os._exit(11)
    if name == "one of three":
        of_three += 1
        if of_three == 3:
            os._exit(11)
        continue
    if name == "hang":
        time.sleep(600)
    answer = {"id": request["id"], "seconds": 0.1, "job_name": name, "job_arn": f"pid {os.getpid()}"}
    if name == "taken":
        answer["error"] = {
            "kind": "AccessDenied",
            "title": "Not allowed",
            "message": "m",
            "hint": "h",
            "code": "AccessDenied",
            "request_id": "r",
            "details": "d",
            "action": "sagemaker:CreateTrainingJob",
            "resource": "arn",
            "fix": {"label": "Show", "action": "grant", "data": {"action": "a"}},
        }
    print(json.dumps(answer), flush=True)
