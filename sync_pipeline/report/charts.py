"""The charts of a report, as SVG whose letters are shapes: it looks alike on every screen and on paper.

Dark, light and medium stand for create, update and delete, so that they differ in grey too."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

ACTIONS = {"create": "#14507d", "update": "#9cc7ea", "delete": "#c8553d"}
KINDS = {"problem": "#c8553d", "hold": "#e3b23c"}
WINNERS = {"salesforce": "#14507d", "outlook": "#9cc7ea", "hold": "#e3b23c"}
_LINE, _FAINT, _INK = "#14507d", "#d5dbe1", "#26323d"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "sync-pipeline",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": "#8a97a3",
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": _FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
}
#: In inches; a page of A4 between its margins is 7.1 wide.
_WIDTH = 7.1
#: Where a list is longer, the rest is one bar.
MOST_BARS = 15

Stack = Mapping[str, Sequence[float]]


def bars(names: Sequence[str], parts: Stack, colours: Mapping[str, str], unit: str) -> str:
    """Horizontal bars, the first on top, each of parts with a colour; the total stands at its end."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, 0.7 + 0.27 * len(names)), layout="constrained")
        axes = figure.subplots()
        places = range(len(names))
        left = [0.0] * len(names)
        for part, values in parts.items():
            if any(values):
                axes.barh(places, values, left=left, height=0.68, color=colours[part], label=part)
            left = [begun + value for begun, value in zip(left, values, strict=True)]
        for place, total in zip(places, left, strict=True):
            axes.annotate(f"{total:,.0f}", (total, place), (4, 0), textcoords="offset points", va="center")
        axes.set_yticks(places, names)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(unit)
        axes.set_xlim(0, max([1.0, *left]) * 1.1)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        _legend(axes, parts)
        return _svg(figure)


def days(dates: Sequence[Any], parts: Stack, colours: Mapping[str, str], unit: str) -> str:
    """A bar for each day, of parts with a colour."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, 2.3), layout="constrained")
        axes = figure.subplots()
        base = [0.0] * len(dates)
        for part, values in parts.items():
            if any(values):
                axes.bar(dates, values, bottom=base, width=0.8, color=colours[part], label=part)
            base = [begun + value for begun, value in zip(base, values, strict=True)]
        axes.set_ylim(0, max([1.0, *base]) * 1.08)
        axes.set_ylabel(unit)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        _dates(axes, dates)
        _legend(axes, parts)
        return _svg(figure)


def lines(dates: Sequence[Any], series: Mapping[str, Sequence[float | None]], unit: str, limit: float) -> str:
    """A line for each series, with gaps where there is no value, and a limit."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, 2.3), layout="constrained")
        axes = figure.subplots()
        for (name, values), style in zip(series.items(), ("-", "--"), strict=False):
            shown = [float("nan") if value is None else value for value in values]
            axes.plot(dates, shown, style, marker="o", markersize=3.5, color=_LINE, label=name)
        axes.axhline(limit, color="#c8553d", linewidth=1.2, label="two ticks of the schedule")
        axes.set_ylim(bottom=0)
        axes.set_ylabel(unit)
        _dates(axes, dates)
        _legend(axes, ["", ""])
        return _svg(figure)


def histogram(values: Sequence[float], unit: str, limit: float) -> str:
    """How many values lie in each twelfth of the limit; what is beyond its double stands in the last bar."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, 2.1), layout="constrained")
        axes = figure.subplots()
        step = limit / 12
        edges = [step * number for number in range(26)]
        axes.hist([min(value, edges[-1] - step / 2) for value in values], bins=edges, color=_LINE, rwidth=0.9)
        axes.axvline(limit, color="#c8553d", linewidth=1.2, label="two ticks of the schedule")
        axes.set_xlabel(f"{unit} (the last bar: {edges[-2]:.0f} and more)")
        axes.set_ylabel("edits")
        axes.set_xlim(0, edges[-1])
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        _legend(axes, ["", ""])
        return _svg(figure)


def _dates(axes: Axes, dates: Sequence[date]) -> None:
    """From the first day to the last, also where few of them have a value."""
    half = timedelta(hours=12)
    first, last = (datetime.combine(day, time.min) for day in (dates[0], dates[-1]))
    axes.set_xlim(first - half, last + half)  # type: ignore[arg-type]  # matplotlib converts dates, its stubs say floats
    locator = AutoDateLocator(minticks=3, maxticks=10)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.grid(axis="x", visible=False)


def _legend(axes: Axes, parts: Iterable[str]) -> None:
    if len(list(parts)) > 1 and axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, borderaxespad=0.2)


def _svg(figure: Figure) -> str:
    """The figure as text, the same each time for the same values."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()
