"""Training and evaluation: one loop, its precision, its checkpoints, and the procedure that a run is."""

from repro.compat import mend_torchvision

mend_torchvision()
