"""What a record keeps of a test: accuracy, accuracy in each class, and which images were told right."""

import base64
from typing import Any

import numpy as np
from torch import Tensor


def describe_hits(predictions: Tensor, labels: Tensor, classes: int) -> dict[str, Any]:
    """Accuracy in each class, in their order, and a bit an image as base64, for what resamples images."""
    hits, labels_ = (predictions == labels).cpu().numpy(), labels.cpu().numpy()
    right, all_ = (np.bincount(labels_, weights=weights, minlength=classes) for weights in (hits, np.ones(len(hits))))
    return {"class_accuracy": (right / all_).round(6).tolist(), "hits": pack_bits(hits)}


def pack_bits(hits: np.ndarray) -> str:
    """A mask (n,) as base64 text, eight bits a byte, the first highest."""
    return base64.b64encode(np.packbits(hits).tobytes()).decode()


def unpack_bits(text: str, count: int) -> np.ndarray:
    """The mask (count,) of such a text."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8), count=count).astype(bool)
