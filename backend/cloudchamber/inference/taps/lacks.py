"""What an architecture has not, in sentences for a person."""

from __future__ import annotations

from cloudchamber.inference.taps.roles import Roles


def what_lacks(roles: Roles) -> dict[str, str]:
    """Role -> sentence, for roles that no layer or not every layer has."""
    n_layer = len(roles.out)
    lacks: dict[str, str] = {}
    without = [i for i, a in enumerate(roles.attention) if a is None]
    if len(without) == n_layer:
        lacks["attention"] = (
            "This model has no attention: its layers carry a state from token to token instead."
        )
    elif without:
        lacks["attention"] = f"{len(without)} of {n_layer} layers have no attention ({_list(without)})."
    missing = [i for i, m in enumerate(roles.middle) if m is None and i not in without]
    if len(without) == n_layer:
        reason = "This model's layers are one step, not attention and a feed-forward network in turn."
        lacks["attention_out"] = lacks["mlp_out"] = reason
    elif missing:
        reason = (
            "Attention and the feed-forward network do not follow one another in the residual stream "
            f"of layers {_list(missing)}, so their parts can't be told apart."
        )
        lacks["attention_out"] = lacks["mlp_out"] = reason
    if all(out is None for out in roles.out):
        lacks["layer_out"] = "The residual stream of this architecture was not found in its graph."
    if all(e is None for e in roles.experts):
        lacks["router"] = "This model has no experts: every token takes the same way."
    return lacks


def _list(numbers: list[int]) -> str:
    shown = ", ".join(str(n) for n in numbers[:8])
    return shown + (", …" if len(numbers) > 8 else "")
