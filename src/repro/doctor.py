"""Says what this machine can run, and how to mend what it cannot."""

import importlib
import shutil
from collections.abc import Iterator

from repro import paths

Finding = tuple[bool, str, str]  # fine or not, what was found, how to mend it
FREE_GB = {"pocket": 1, "paper": 200}


def examine() -> Iterator[Finding]:
    """Findings about torch, device, data, disk, kernel and packages, in the order a user meets them."""
    yield from check_torch()
    yield from check_packages()
    yield check_kernel()
    yield check_disk()
    yield from check_data()


def check_torch() -> Iterator[Finding]:
    """Build of torch, device, and whether it has bf16 products."""
    import torch

    from repro.compat import hook_file, mend_torchvision
    from repro.runs.provenance import device_name
    from repro.training.precision import multiplies_bf16, pick_device

    mended = mend_torchvision()
    yield True, f"torch {torch.__version__}" + (", torchvision's missing operators declared" if mended else ""), ""
    if mended and not hook_file().exists():
        yield False, "timm and torchvision fail where they are imported before repro", "python -m repro.compat"
    gpu = torch.cuda.is_available()
    yield True, f"device: {device_name()}" + ("" if gpu else ", no GPU: presets demo and pocket"), ""
    fast = multiplies_bf16(pick_device())
    yield True, "bf16 products in hardware" if fast else "no bf16 products in hardware: fp32, 2 to 3 times slower", ""


def check_packages() -> Iterator[Finding]:
    """Packages that are known to break at import."""
    for name in ("timm", "kmedoids", "sklearn_extra.cluster", "papermill", "jupyter_book"):
        try:
            importlib.import_module(name)
        except Exception as error:
            yield False, f"{name} cannot be imported: {error}", "remove .venv and run `make setup`"
        else:
            yield True, f"{name} imports", ""


def check_kernel() -> Finding:
    """The Jupyter kernel that notebooks are executed with."""
    from jupyter_client.kernelspec import KernelSpecManager

    found = "python3" in KernelSpecManager().find_kernel_specs()
    return found, "kernel python3 " + ("found" if found else "missing"), "python -m ipykernel install --sys-prefix"


def check_disk() -> Finding:
    """Free space where runs are kept."""
    try:
        free = shutil.disk_usage(paths.make_folder(paths.home())).free / 2**30
    except paths.PathError as error:
        return False, "runs cannot be kept", str(error)
    enough = free > FREE_GB["pocket"]
    return enough, f"{free:.0f} GiB free for runs", "free some space, or point REPRO_HOME at a larger disk"


def check_data() -> Iterator[Finding]:
    """Data sets of the presets."""
    from repro.config import Texts
    from repro.data import cifar, text
    from repro.data.files import DataError

    yield True, "demo data come with scikit-learn and timm", ""
    try:
        imagenet = (paths.data() / "imagenet" / "train").is_dir()
    except paths.PathError as error:
        yield False, "no other data can be read", str(error)
        return
    try:
        origin = cifar.load().origin
    except DataError as error:
        yield False, "CIFAR-10 not usable: presets pocket and gpu cannot run", str(error)
    else:
        yield True, f"CIFAR-10 found and whole, content: {origin}", ""
    news = Texts("ag-news")
    try:
        text.read_news(news)
    except DataError as error:
        yield False, "AG News not usable whole: subsets-table13 cannot run at preset gpu or paper", str(error)
    else:
        yield True, f"AG News found, content: {text.news_origin(*text.news_files(news))}", ""
    yield (
        imagenet,
        "ImageNet-1K " + ("found" if imagenet else "not found: preset paper cannot run"),
        ("see `Data` on the book's quickstart page"),
    )
