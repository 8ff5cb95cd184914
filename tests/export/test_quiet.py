"""What exporters tell their developers, and what is told of their failures."""

import logging
import sys
import warnings

import pytest
import torch

from geoloc.export.quiet import quiet, reason


def test_nothing_reaches_the_console_and_what_was_printed_is_kept(capsys, caplog):
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with quiet():
            print("obtaining the graph")
            sys.stderr.write("... done\n")
            warnings.warn("mind the gap", stacklevel=1)
            logging.getLogger("torch.onnx").error("oh")
    assert capsys.readouterr() == ("", "")
    assert warned == []
    assert [record.message for record in caplog.records] == ["obtaining the graph\n... done"]


def test_logging_goes_on_afterwards_also_after_a_failure(caplog):
    with pytest.raises(ValueError, match="x"), quiet():
        raise ValueError("x")
    logging.getLogger("geoloc.test").warning("again")
    assert caplog.messages == ["again"]


def test_the_first_cause_in_one_line():
    try:
        try:
            raise KeyError("\n  aten::odd has no counterpart\nand more")
        except KeyError as cause:
            raise RuntimeError("Failed to export the model.\n" * 30) from cause
    except RuntimeError as error:
        found = reason(error)
    assert "\n" not in found
    assert found.startswith("KeyError: ")
    assert "aten::odd" in found
    assert reason(ValueError()) == "ValueError"
    assert len(reason(ValueError("x" * 1000))) < 200


class OfTwo(torch.nn.Module):
    """Takes the number of images for a constant."""

    def forward(self, x):
        return x.expand(len(x), *x.shape[1:])


def test_a_number_of_images_that_is_a_constant_is_said_so():
    shapes = ({0: torch.export.Dim.DYNAMIC},)
    with pytest.raises(Exception) as failed, quiet():  # noqa: PT011
        torch.export.export(OfTwo(), (torch.zeros(2, 3),), dynamic_shapes=shapes)
    assert reason(failed.value) == "its code takes the number or the size of the images for a constant"
