"""Evaluation: what learning the tasks together gains or costs.

* `per_task`: the results of `model.evaluate`, by task
* `single_task_baselines`: the same tasks trained singly, for comparison
* `gates`, `plot_gates`, `GateLogger`: which experts the tasks use
* `task_gains`, `delta_m`: relative gain over single-task training, by task and on average
* `gains_over_seeds`: the same over several seeds, with their standard errors
"""

from .baselines import single_task_baselines as single_task_baselines
from .delta_m import delta_m as delta_m
from .delta_m import task_gains as task_gains
from .gates import GateLogger as GateLogger
from .gates import expert_names as expert_names
from .gates import gates as gates
from .gates import plot_gates as plot_gates
from .per_task import per_task as per_task
from .seeds import Estimate as Estimate
from .seeds import GainsOverSeeds as GainsOverSeeds
from .seeds import gains_over_seeds as gains_over_seeds
