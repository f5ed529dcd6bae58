"""The titles under which ``--help`` lists the settings, and a declarer of each."""

from functools import partial

from foldergan.config.fields import setting

data = partial(setting, group="data")
network = partial(setting, group="network")
optimization = partial(setting, group="optimization")
evaluation = partial(setting, group="evaluation")
output = partial(setting, group="output")

GROUPS = ("data", "network", "optimization", "evaluation", "output")
