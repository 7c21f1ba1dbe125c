"""Results as pictures: programs a second, one panel a workload; errors of judges in percent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .confusion import TOTAL, Line
from .measure import WorkloadResult
from .rivals.registry import LABELS, NAMES

_COLOURS = {
    "ours": "#1b6ca8",
    "ours-forks": "#6fa8d0",
    "before": "#b8c9d6",
    "floor": "#9a9a9a",
    "lcb": "#c8553d",
    "lcb-command": "#8f3322",
    "prime-code": "#e09f3e",
    "subprocess": "#7a9e7e",
}


def draw(results: list[WorkloadResult], caption: str, path: Path) -> None:
    """Write the picture; its kind follows the suffix. Bars are medians, whiskers the extremes over the rounds."""
    pyplot = _pyplot()
    rows = -(-len(results) // 2)
    figure: Any
    figure, grid = pyplot.subplots(rows, 2, figsize=(11, 0.8 + 2.1 * rows), squeeze=False, layout="constrained")
    panels: list[Any] = list(grid.flat)
    for axes, result in zip(panels, results, strict=False):
        _panel(axes, result)
    for axes in panels[len(results) :]:
        axes.set_visible(False)
    figure.suptitle("programs judged per second, same programs, same cores", fontsize=11)
    _save(pyplot, figure, caption, path)


def draw_accuracy(lines: list[Line], caption: str, path: Path) -> None:
    """Right programs rejected and wrong ones accepted, in percent of all sources together."""
    pyplot = _pyplot()
    kinds = [rows for rows in ("all", "sample") if any(line.rows == rows for line in lines)]
    figure: Any
    figure, grid = pyplot.subplots(
        len(kinds), 1, figsize=(9, 0.8 + 3 * len(kinds)), squeeze=False, layout="constrained"
    )
    for axes, rows in zip(grid.flat, kinds, strict=True):
        _errors(axes, [line for line in lines if line.rows == rows and line.source == TOTAL], rows)
    _save(pyplot, figure, caption, path)


def _errors(axes: Any, lines: list[Line], rows: str) -> None:
    sides = (
        ("right rejected", "#c8553d", [(sum(one.counts.false_negatives.values()), one.counts.right) for one in lines]),
        ("wrong accepted", "#1b6ca8", [(sum(one.counts.false_positives.values()), one.counts.wrong) for one in lines]),
    )
    for side, (label, colour, counts) in enumerate(sides):
        places = [-place + 0.2 - 0.4 * side for place in range(len(lines))]
        rates = [100 * part / whole if whole else 0.0 for part, whole in counts]
        axes.barh(places, rates, height=0.38, color=colour, label=label)
        for place, rate, (part, whole) in zip(places, rates, counts, strict=True):
            text = f"{rate:.2f} %  ({part} of {whole})"
            axes.annotate(text, (rate, place), (4, 0), textcoords="offset points", va="center", fontsize=6)
    axes.set_yticks([-place for place in range(len(lines))], [line.judge for line in lines])
    axes.set_xlim(0, 1.25 * (axes.dataLim.x1 or 1))
    axes.set_title(f"{rows}: percent of labelled programs", fontsize=8, loc="left")
    axes.legend(fontsize=7)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "microcoder"  # the same numbers give the same file
    from matplotlib import pyplot

    return pyplot


def _save(pyplot: Any, figure: Any, caption: str, path: Path) -> None:
    figure.supxlabel(caption, fontsize=7, color="#555555")
    metadata = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(path, metadata=metadata, dpi=150)
    pyplot.close(figure)


def _panel(axes: Any, result: WorkloadResult) -> None:
    rivals = sorted(result.rivals, key=lambda rival: NAMES.index(rival.rival), reverse=True)
    speeds = [rival.programs_per_second for rival in rivals]
    whiskers = [[s.median - s.low for s in speeds], [s.high - s.median for s in speeds]]
    axes.barh(
        [LABELS[rival.rival] for rival in rivals],
        [s.median for s in speeds],
        xerr=whiskers,
        color=[_COLOURS[rival.rival] for rival in rivals],
        error_kw={"lw": 0.8, "ecolor": "#333333"},
    )
    for place, rival in enumerate(rivals):
        ratio = rival.ours_over_rival.get("ours")
        speed = rival.programs_per_second.median
        text = (f"{speed:,.0f}" if speed >= 10 else f"{speed:.2g}") + (
            f"   (ours {ratio.median:.1f}×)" if ratio else ""
        )
        end = (rival.programs_per_second.high, place)
        axes.annotate(text, end, (4, 0), textcoords="offset points", va="center", fontsize=7)
    axes.set_xlim(0, 1.25 * max(s.high for s in speeds))
    axes.set_title(f"{result.workload}: {result.about}", fontsize=8, loc="left")
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
