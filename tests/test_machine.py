import os
import subprocess
import sys

from repro.machine import usable_cores

ON_MACOS = "import os; del os.sched_getaffinity; "


def test_cores_are_those_this_process_may_use():
    code = "from repro.machine import usable_cores; print(usable_cores())"
    one = f"import os; os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}}); {code}"
    done = subprocess.run([sys.executable, "-c", one], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 1
    assert usable_cores() == len(os.sched_getaffinity(0))


def test_where_the_system_does_not_say_all_cores_count(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cores() == os.cpu_count()
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


def test_images_are_read_where_the_system_does_not_say():
    code = ON_MACOS + "from repro.data import imagenet; assert imagenet.WORKERS >= 1"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
