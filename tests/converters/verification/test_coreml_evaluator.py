"""The evaluator of ML Programs against PyTorch, operation by operation, on packages that coremltools wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adafocus.converters.backends import coreml
from adafocus.converters.verification.coreml_evaluator import OPERATIONS, EvaluatedPackage
from adafocus.edge.bundle.manifest import GraphFile
from adafocus.errors import BundleError

SIDE = 9


class Images(nn.Module):
    """Convolutions of several kinds, pooling, padding, shifts and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.depthwise = nn.Conv2d(8, 8, (3, 1), padding=(1, 0), groups=8, bias=False)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y = F.relu6(self.first(x))
        y = torch.cat((y[1:], y[:1] * 0.5), dim=0)
        y = self.depthwise(y) + y.sigmoid() * y
        y = self.pool(F.pad(y, (1, 0, 1, 0)))
        pooled = y.mean((2, 3), keepdim=True).permute(2, 1, 0, 3).mean((2, 3), keepdim=True).flatten(1)
        logits = self.fc(pooled)
        return y, logits.softmax(1), torch.maximum(logits[:, :3], logits[:, 1:4]) / 3.0 - 1.0


class Outside(nn.Module):
    """Something that no network of ours uses."""

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (torch.erf(x),)


def convert(module: nn.Module, example: Tensor, path: Path, outputs: list[str]) -> EvaluatedPackage:
    names = (["x"], outputs)
    coreml.convert(module.eval(), (example,), path, names, precision="fp32")
    inputs, given = coreml.tensor_specs(path, names)
    record = GraphFile(
        file="graphs/x.mlpackage",
        sha256="0" * 64,
        bytes=1,
        precision="fp32",
        inputs=tuple(inputs),
        outputs=tuple(given),
        macs=1,
    )
    return EvaluatedPackage(path, record)


@pytest.mark.slow
def test_a_package_is_evaluated_as_pytorch_computes_it(tmp_path: Path) -> None:
    torch.manual_seed(5)
    module, x = Images(), torch.randn(4, 3, SIDE, SIDE)
    evaluated = convert(module, x, tmp_path / "images.mlpackage", ["maps", "shares", "rest"])
    given = evaluated.run({"x": x.numpy()})
    with torch.no_grad():
        wanted = module(x)
    for spec, tensor in zip(evaluated.outputs, wanted, strict=True):
        assert spec.shape == tuple(tensor.shape)
        assert torch.allclose(torch.from_numpy(given[spec.name]), tensor, atol=1e-5), spec.name


@pytest.mark.slow
def test_an_operation_that_it_does_not_know_is_an_error(tmp_path: Path) -> None:
    assert "erf" not in OPERATIONS
    with pytest.raises(BundleError, match="does not know: erf"):
        convert(Outside(), torch.randn(2, 3), tmp_path / "outside.mlpackage", ["y"])


def test_an_attribute_that_it_does_not_know_is_an_error() -> None:
    x = torch.zeros(1, 1, 4, 4)
    with pytest.raises(BundleError, match="same"):
        OPERATIONS["conv"]({"x": x, "weight": torch.zeros(1, 1, 3, 3), "pad_type": "same"})
    with pytest.raises(BundleError, match="reflect"):
        OPERATIONS["pad"]({"x": x, "pad": [0] * 8, "mode": "reflect"})


def test_quantization_follows_its_definition() -> None:
    x = torch.tensor([-100.0, -0.25, 0.25, 0.75, 1.25, 100.0])
    given = OPERATIONS["quantize"]({"input": x, "scale": 0.5, "zero_point": -2, "output_dtype": "int8"})
    assert given.tolist() == [-128, -2, -2, 0, 0, 127]
    back = OPERATIONS["dequantize"]({"input": given, "scale": 0.5, "zero_point": -2})
    assert back.tolist() == [-63.0, 0.0, 0.0, 1.0, 1.0, 64.5]


@pytest.mark.slow
def test_a_package_is_the_same_however_often_it_is_made(tmp_path: Path) -> None:
    torch.manual_seed(5)
    module, x = Images(), torch.randn(4, 3, SIDE, SIDE)
    from adafocus.edge.bundle.files import sha256_of

    digests = set()
    for turn in ("one", "two"):
        path = tmp_path / turn / "images.mlpackage"
        path.parent.mkdir()
        coreml.convert(module.eval(), (x,), path, (["x"], ["a", "b", "c"]), precision="fp32")
        digests.add(sha256_of(path))
    assert len(digests) == 1
