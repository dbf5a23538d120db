"""Everything that is fitted to data: clip sets, training, quantization, evaluation."""

from __future__ import annotations

import logging
import warnings

# torchao says at every import that it has no GPU kernels here, and torch that torchao is older than itself
for _name in ("torchao", "torch.utils._pytree"):
    logging.getLogger(_name).setLevel(logging.ERROR)
# copying an exported graph meets a deprecation inside torch
warnings.filterwarnings("ignore", message=".*treespec.*", category=FutureWarning)
