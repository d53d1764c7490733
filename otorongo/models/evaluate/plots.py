"""The report's pictures: ROC, reliability, fading and confusers, small PNG by matplotlib."""

import importlib.util
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from otorongo.models.evaluate.measures import Reliability, Share
from otorongo.models.evaluate.scoring import BOTH, FLOAT, SECOND, SHIPPED, Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI: Final = 90
COLOURS: Final = 48
_INK: Final = "#222222"
_COLOURS: Final = {SHIPPED: "#0b6e4f", FLOAT: "#999999", SECOND: "#2e6fba", BOTH: "#d1495b"}
_STYLES: Final = {SHIPPED: "-", FLOAT: "--", SECOND: ":", BOTH: "-."}


def available() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def _grid(count: int, across: int, wide: float, high: float) -> tuple["Figure", list["Axes"]]:
    from matplotlib.figure import Figure

    down = -(-count // across)
    figure = Figure(figsize=(wide * across, high * down), layout="constrained")
    axes = [figure.add_subplot(down, across, number + 1) for number in range(count)]
    for one in axes:
        one.tick_params(labelsize=7, colors=_INK)
        one.spines[["top", "right"]].set_visible(False)
        one.grid(visible=True, color="#e5e5e5", linewidth=0.6)
        one.set_axisbelow(True)
    return figure, axes


def _save(figure: "Figure", path: Path) -> Path:
    """As PNG of few colours: a bundle is carried to the forest."""
    memory = io.BytesIO()
    figure.savefig(memory, dpi=DPI, format="png")
    memory.seek(0)
    Image.open(memory).convert("RGB").quantize(COLOURS).save(path, optimize=True)
    return path


def roc(curves: Mapping[str, Mapping[str, tuple[Floats, Floats]]], names: Mapping[str, str], path: Path) -> Path:
    """By class and ear: shares of false and of found windows; false ones on a logarithmic axis, where it matters."""
    figure, axes = _grid(len(curves), 4, 2.6, 2.3)
    for one, (wire, ears) in zip(axes, curves.items(), strict=True):
        for ear, (false, found) in ears.items():
            one.plot(np.maximum(false, 1e-4), found, color=_COLOURS[ear], linestyle=_STYLES[ear], label=names[ear])
        one.set(xscale="log", xlim=(1e-4, 1), ylim=(-0.02, 1.04), title=wire)
        one.title.set_fontsize(9)
    axes[0].set_xlabel("share of windows without it that are as high", fontsize=7)
    axes[0].set_ylabel("share of windows with it", fontsize=7)
    axes[0].legend(fontsize=6, frameon=False, loc="lower right")
    return _save(figure, path)


def reliability(curves: Mapping[str, Reliability], path: Path) -> Path:
    """By class: what a probability turned out to be worth, each point as large as its windows are many."""
    figure, axes = _grid(len(curves), 4, 2.6, 2.3)
    for one, (wire, each) in zip(axes, curves.items(), strict=True):
        there = each.windows > 0
        one.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.8)
        sizes = 8 + 12 * np.log10(np.maximum(each.windows[there], 1))
        one.plot(each.said[there], each.was[there], color=_COLOURS[SHIPPED], linewidth=1)
        one.scatter(each.said[there], each.was[there], s=sizes, color=_COLOURS[SHIPPED])
        one.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), title=f"{wire}, ECE {each.ece.value:.3f}")
        one.title.set_fontsize(9)
    axes[0].set_xlabel("p that was said", fontsize=7)
    axes[0].set_ylabel("share of windows with it", fontsize=7)
    return _save(figure, path)


def fading(
    levels: Mapping[str, Mapping[str, Mapping[int, Share]]],
    distances: Mapping[str, Mapping[str, Mapping[int, Share]]],
    names: Mapping[str, str],
    path: Path,
) -> Path:
    """By class and ear: recall against the level over backgrounds, and against simulated distance, with intervals."""
    figure, axes = _grid(len(levels) + len(distances), 4, 2.6, 2.3)
    panels: list[tuple[str, Mapping[str, Mapping[int, Share]], str]] = [
        *((wire, each, "dB over background") for wire, each in levels.items()),
        *((wire, each, "m, simulated") for wire, each in distances.items()),
    ]
    for one, (wire, ears, unit) in zip(axes, panels, strict=True):
        for ear, steps in ears.items():
            at = list(steps)
            one.plot(
                at, [each.value for each in steps.values()], color=_COLOURS[ear], linestyle=_STYLES[ear],
                marker=".", markersize=4, label=names[ear],
            )  # fmt: skip
            if ear == SHIPPED:
                low, high = [each.low for each in steps.values()], [each.high for each in steps.values()]
                one.fill_between(at, low, high, color=_COLOURS[ear], alpha=0.15, linewidth=0)
        if unit.startswith("m"):
            one.set_xscale("log")
            one.set_xticks(at, [str(each) for each in at])
            one.minorticks_off()
        one.set(ylim=(-0.03, 1.03), title=wire)
        one.title.set_fontsize(9)
        one.set_xlabel(unit, fontsize=7)
    axes[0].set_ylabel("windows that were hits", fontsize=7)
    axes[0].legend(fontsize=6, frameon=False, loc="lower right")
    return _save(figure, path)


def confusers(labels: Sequence[str], wires: Sequence[str], table: Floats, own: Any, path: Path) -> Path:
    """Share (labels, classes) of windows that were hits; where the class is in the recordings, a frame."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.6 + 0.42 * len(wires), 0.9 + 0.19 * len(labels)), layout="constrained")
    one = figure.add_subplot()
    one.imshow(np.sqrt(np.nan_to_num(table)), cmap="YlOrRd", vmin=0, vmax=1, aspect="auto")
    for row in range(len(labels)):
        for column in range(len(wires)):
            value = table[row, column]
            if np.isnan(value):
                one.text(column, row, "?", ha="center", va="center", fontsize=5, color="#aaaaaa")
            elif value > 0:
                text = f"{100 * value:.0f}" if value >= 0.01 else "<1"
                one.text(column, row, text, ha="center", va="center", fontsize=6, color="w" if value > 0.5 else _INK)
            if own[row, column]:
                one.add_patch(_frame(column, row))
    one.set_xticks(range(len(wires)), list(wires), rotation=60, ha="right", fontsize=7)
    one.set_yticks(range(len(labels)), list(labels), fontsize=7)
    one.set_title("hits, % of windows, by the label of the recording", fontsize=8)
    return _save(figure, path)


def _frame(column: int, row: int) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, fill=False, edgecolor="#0b6e4f", linewidth=1.2)
