import inspect
from importlib import import_module
from pathlib import Path

import pytest
import yaml

CONF = Path(__file__).resolve().parents[2] / "conf" / "postprocess"


@pytest.mark.parametrize("path", sorted(set(CONF.glob("*.yaml")) - {CONF / "none.yaml"}), ids=lambda path: path.stem)
def test_a_yaml_names_every_argument_with_its_default(path):
    content = yaml.safe_load(path.read_text())
    assert list(content) == [path.stem]
    arguments = dict(content[path.stem])
    module, _, name = arguments.pop("_target_").rpartition(".")
    signature = inspect.signature(getattr(import_module(module), name))
    assert arguments == {key: parameter.default for key, parameter in signature.parameters.items()}
