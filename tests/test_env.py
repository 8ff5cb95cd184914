import subprocess
import sys

import pytest
import torch

from geoloc import env


def test_this_environment_works(capsys):
    assert env.main() == 0
    printed = capsys.readouterr().out.splitlines()
    assert f"torch {torch.__version__.partition('+')[0]}" in [line.partition("+")[0] for line in printed]
    assert printed[-3:-1] == ["torchvision's compiled part fits torch", "faiss clusters"]


def test_what_does_not_work_says_what_to_do(monkeypatch, capsys):
    def broken():
        raise RuntimeError("operator torchvision::nms does not exist\nmore")

    monkeypatch.setitem(env.CHECKS, "torchvision", (broken, env.PAIR))
    assert env.main() == 1
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("torchvision: "))
    assert line.startswith("torchvision: RuntimeError: operator torchvision::nms does not exist; torch and torchvision")


@pytest.mark.parametrize("first", ["faiss", "torch"])
def test_clusters_in_both_import_orders(first):
    """Field fault F3: torch and faiss each bring an OpenMP runtime."""
    code = f"import {first}, torch, geoloc\nfrom geoloc.aggregators.netvlad import NetVLAD\n"
    code += "NetVLAD(4, 2).initialise(torch.randn(50, 4))\nprint('done')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
