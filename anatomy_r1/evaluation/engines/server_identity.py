"""Which weights answered, where only the server can say so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.server_address import Address
from anatomy_r1.evaluation.engines.server_failures import clean
from anatomy_r1.evaluation.engines.server_schema import Model

LABEL = "named by the server, not verified"


def find_model(name: str, address: Address, listed: Sequence[Model] | Literal["none listed"]) -> Model | None:
    """What the server says of the model; None where it lists none.

    Raises:
        AnatomyR1Error: when the server lists its models and this is none of them.
    """
    if listed == "none listed":
        return None
    found = next((model for model in listed if model.id == name), None)
    if found is None:
        others = clean(", ".join(model.id for model in listed if isinstance(model, Model)))
        raise AnatomyR1Error(f"{address.base}: serves no model {name}. Cure: --model, one of {others or '(none)'}")
    return found


def server_identity(name: str, address: Address, model: Model | None) -> str:
    """Model, host and what the server says of the model, under a label that says what this is worth."""
    if model is None:
        return f"{name} at {address.host} ({LABEL}; it lists no models)"
    said = sorted(model.model_dump(exclude={"id"}, exclude_none=True).items())
    return f"{name} at {address.host} ({'; '.join([LABEL, *(f'{part} {clean(str(value))}' for part, value in said)])})"
