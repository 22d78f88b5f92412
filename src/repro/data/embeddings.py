"""Label embeddings of paper C's WEC (section 3.3): CLIP's text encoder where its weights are at hand, else LSA.

The paper embeds labels with CLIP ViT-L/14. Its weights are read from `REPRO_DATA/clip-vit-large-patch14`, a folder in
the layout of the `transformers` library, and never downloaded here. Without them, latent semantic analysis stands in:
TF-IDF and a truncated SVD, fitted on the 21,844 glosses that come with timm. A label alone is too short for it, so a
class is embedded by its words and its definition.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from repro import paths
from repro.config import ConfigError
from repro.data.classes import glosses

CLIP_FOLDER = "clip-vit-large-patch14"
LSA, CLIP = "latent semantic analysis of WordNet's glosses", "CLIP ViT-L/14's text encoder"
DIMENSIONS = 200  # of the latent space
SVD_SEED = 0  # of the randomised SVD, part of the method


def files() -> list[Path]:
    """The files that CLIP is read from; none where it is not here."""
    return sorted((paths.data() / CLIP_FOLDER).glob("*"))


def embed_labels(labels: Sequence[str], texts: Sequence[str]) -> tuple[np.ndarray, str]:
    """Unit vectors (classes, dim), and the name of the method: CLIP on `labels` if it is here, else LSA on `texts`."""
    folder = paths.data() / CLIP_FOLDER
    if folder.is_dir() and importlib.util.find_spec("transformers"):
        return embed_with_clip(labels, folder), CLIP
    return embed_with_lsa(texts), LSA


def embed_with_lsa(texts: Sequence[str], corpus: Sequence[str] | None = None) -> np.ndarray:
    """Unit vectors (texts, dim) in the latent space of a corpus. Raises ConfigError for a text that shares no word."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(sublinear_tf=True, stop_words="english", min_df=2)
    counted = words.fit_transform(list(glosses().values()) if corpus is None else corpus)
    latent = TruncatedSVD(min(DIMENSIONS, counted.shape[1] - 1), random_state=SVD_SEED).fit(counted)
    vectors = latent.transform(words.transform(texts))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if (lost := np.flatnonzero(lengths < 1e-9)).size:
        raise ConfigError(f"no word of {texts[lost[0]]!r} is in the glosses; describe the class in other words")
    return vectors / lengths


def embed_with_clip(labels: Sequence[str], folder: Path) -> np.ndarray:
    """Unit vectors (labels, dim) of CLIP's text encoder, its weights read from a folder."""
    import torch
    from transformers import AutoTokenizer, CLIPTextModelWithProjection

    tokens = AutoTokenizer.from_pretrained(folder, local_files_only=True)(
        list(labels), padding=True, return_tensors="pt"
    )
    model = CLIPTextModelWithProjection.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
    with torch.no_grad():
        vectors = model(**tokens).text_embeds.numpy()
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
