"""Before the cards of a run work together: do they talk to each other, and is what was chosen the faster way then?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from trainer_image.contract import RunFolder
from trainer_image.launching import self_test
from trainer_image.launching.preparing import Prepared, placed
from trainer_image.launching.supervise import Signals


def talked(prepared: Prepared, folder: RunFolder, signals: Signals, held: Mapping[str, int] | None = None) -> Prepared:
    """Return what the processes need, with the settings with which their cards talk; TrainerError where they cannot.

    ``held`` is as for ``placed``. A model that was to be sharded may be split by layers after all, where what travels
    between these cards would take longer than one waiting for the other.
    """
    decision = prepared.decision
    if decision.processes == 1 or not decision.cards:
        return prepared
    settings = self_test.settings_for(decision.cards, prepared.environment, signals)
    speeds = self_test.speeds_of(decision.cards, prepared.environment)
    if decision.placement == "sharded" and speeds is not None:
        prepared = placed(prepared.config, folder, held, speeds)
        if prepared.decision.placement != "sharded":
            return prepared
    return replace(prepared, settings=settings, environment=prepared.environment | settings)
