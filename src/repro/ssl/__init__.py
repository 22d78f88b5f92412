"""Self-supervision (paper C): views of images, what a network learns from them, and how good its features are.

It has no loop of its own: an objective here is one of training/objective.py, its teachers, queues and centres are part
of a checkpoint, and a probe is a training of one layer by the same loop.
"""
