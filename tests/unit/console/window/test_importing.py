"""The code of a tab is imported in small pieces, and by the GUI thread what makes classes that Qt knows."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from console.tabs import TABS, TabSpec

# Before a window is shown; what a tab needs beyond that is what is imported later. Prints, for each module that
# ``prepare`` names, what its import brings in besides itself, and what a thread and the last step bring in.
SCRIPT = """
import json, sys, threading
import console.app
from importlib import import_module
from console.window.importing import prepare

def brings(act):
    before = set(sys.modules)
    act()
    return sorted(name for name in set(sys.modules) - before if name.partition(".")[0] == "console")

plan = []
thread = threading.Thread(target=lambda: plan.extend(prepare(sys.argv[1])))
def in_thread():
    thread.start()
    thread.join()
found = {"thread": brings(in_thread), "plan": plan, "types": "workers.services" in sys.modules}
found["pieces"] = {name: brings(lambda: import_module(name)) for name in plan}
found["rest"] = brings(lambda: import_module(sys.argv[1]))
print(json.dumps(found))
"""


@pytest.mark.parametrize("spec", TABS, ids=lambda spec: spec.id)
def test_each_piece_is_a_module_and_a_thread_imports_none_of_the_window(spec: TabSpec) -> None:
    said = subprocess.run([sys.executable, "-c", SCRIPT, spec.module], capture_output=True, text=True, check=True)
    found = json.loads(said.stdout)
    assert found["thread"] == [] and found["rest"] == []
    assert not found["types"], "what connects is large, and named for types only"
    assert found["plan"][-1] == spec.module
    assert max(len(brought) for brought in found["pieces"].values()) <= 3, "with the packages that it is in"
