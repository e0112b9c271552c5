"""The page that the rule ProfilerReport leaves in S3: what was measured of a job, as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from sandbox.sagemaker.profiling.profiler import Sample, quantiles

# The drawing's size in its own units; it grows with the page.
_WIDTH, _HEIGHT = 600, 120
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Profiling report of {job}</title>
<style>body {{ font-family: sans-serif; max-width: 50em; margin: 2em auto; }}
td, th {{ padding: .2em 1em; text-align: left; }}
svg {{ width: 100%; border: 1px solid; }}</style></head><body>
<h1>Profiling report of {job}</h1>
<p>Measured by the SageDeck sandbox from the job's own processes, as shares of this computer: {count} samples in
{seconds:.0f} s.</p>
<h2>Use of the system, in percent</h2>
<table><tr><th>Host</th><th>What</th><th>p50</th><th>p95</th><th>p99</th><th>max</th></tr>{rows}</table>
{charts}
<h2>Rules</h2>
<p>No issue was found by: {judged}.</p>
<p>Not evaluated here: {others}.</p>
</body></html>
"""


def report(job: str, samples: Sequence[Sample], judged: Sequence[str], not_judged: Sequence[str]) -> str:
    """The page. ``not_judged``: rules of the report that could not be evaluated; others need the script's steps."""
    rows, charts = [], []
    for node in dict.fromkeys(sample.node for sample in samples):
        own = [sample for sample in samples if sample.node == node]
        for word, values in (("CPU", [s.cpu for s in own]), ("Memory", [s.memory for s in own])):
            cells = "".join(f"<td>{value:g}</td>" for value in quantiles(values).values())
            rows.append(f"<tr><td>{escape(node)}</td><td>{word}</td>{cells}</tr>")
            charts.append(f"<h3>{word} of {escape(node)} over time</h3>{_chart([s.at for s in own], values)}")
    others = [*not_judged, "StepOutlier", "MaxInitializationTime", "OverallFrameworkMetrics", "Dataloader"]
    return _PAGE.format(
        job=escape(job),
        count=len(samples),
        seconds=samples[-1].at - samples[0].at,
        rows="".join(rows),
        charts="".join(charts),
        judged=", ".join(judged),
        others=", ".join(others),
    )


def _chart(times: Sequence[float], values: Sequence[float]) -> str:
    """A line from 0 to 100 percent."""
    span = max(times[-1] - times[0], 1.0)
    points = " ".join(
        f"{(at - times[0]) / span * _WIDTH:.1f},{_HEIGHT - value / 100 * _HEIGHT:.1f}"
        for at, value in zip(times, values, strict=True)
    )
    line = f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="2"/>'
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="0 to 100 percent">{line}</svg>'
