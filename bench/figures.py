"""A measured figure, and the table and file they end in."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table. `reach` is judged on `ratio` where there is one, else on `value`, or on what of
    it is `beyond` the other."""

    name: str
    value: float
    unit: str
    reach: float
    at_least: bool = False
    """The figure must be at least `reach`; otherwise at most."""
    against: float | None = None
    """What `value` is held against, measured in the same run."""
    ratio: float | None = None
    beyond: bool = False
    """Judged on `value` less `against`."""
    note: str = ""

    @property
    def met(self) -> bool:
        judged = self.value if self.ratio is None else self.ratio
        if self.beyond and self.against is not None:
            judged -= self.against
        return judged >= self.reach if self.at_least else judged <= self.reach


def median_ratio(values: Sequence[float], against: Sequence[float]) -> float:
    """Median of the ratios of measurements taken side by side, pair by pair."""
    return statistics.median(a / b for a, b in zip(values, against, strict=True))


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest-rank percentile. `values` must not be empty."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * int(percent * 100) // 10000) - 1))]


def show(figures: Sequence[Figure], title: str = "make bench") -> None:
    """Print the table."""
    table = Table(title=title, title_justify="left")
    for heading in ("figure", "value", "against", "ratio", "reach", "", "note"):
        table.add_column(heading, justify="left" if heading in ("figure", "", "note") else "right")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.value:,.4g} {figure.unit}",
            "" if figure.against is None else f"{figure.against:,.4g} {figure.unit}",
            "" if figure.ratio is None else f"{figure.ratio:.3f}",
            f"{'≥' if figure.at_least else '≤'} {figure.reach:g}{' beyond' if figure.beyond else ''}",
            "met" if figure.met else "MISSED",
            figure.note,
        )
    Console(width=150).print(table)


def write(figures: Sequence[Figure], path: Path) -> None:
    """Write `path` as JSON: a list of {name, value, unit, against, ratio, reach, met, …}."""
    rows = [{**dataclasses.asdict(figure), "met": figure.met} for figure in figures]
    path.write_text(json.dumps(rows, indent=1) + "\n")
