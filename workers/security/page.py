"""Findings as one HTML page that needs nothing else: for whoever has no SageDeck."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from workers.security.types import SEVERITIES, Finding, NotChecked, Report

_STYLE = """
:root { color-scheme: light dark; --line: #CDD3DA; --quiet: #4F5763; --err: #BF2A2A; --warn: #8A5800; }
@media (prefers-color-scheme: dark) { :root { --line: #3A4048; --quiet: #AEB4BD; --err: #FF8F86; --warn: #E4B351; } }
body { font: 14px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
p.quiet, dt { color: var(--quiet); }
article { border-top: 1px solid var(--line); padding: 1rem 0; }
h3 { font-size: 1rem; margin: 0; }
b.critical, b.high { color: var(--err); } b.medium { color: var(--warn); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--line); padding: .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: .5rem 0; }
dd { margin: 0; overflow-wrap: anywhere; }
"""


def as_page(report: Report) -> str:
    """The report as a page without scripts; every text of the account is escaped."""
    when = report.at.strftime("%Y-%m-%d %H:%M UTC")
    counts = ", ".join(f"{len(found)} {severity}" for severity in SEVERITIES if (found := report.of_severity(severity)))
    body = [
        "<h1>Security findings</h1>",
        f'<p class="quiet">Account {escape(report.account)}, region {escape(report.region)}, read {when}. '
        f"{escape(counts) or 'Nothing was found'}. {report.made} checks were made.</p>",
        *(_of_finding(finding) for finding in report.findings),
    ]
    if report.not_checked:
        body += ["<h2>Not checked</h2>", *_unchecked(report.not_checked)]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>Security findings, {escape(report.account)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _of_finding(finding: Finding) -> str:
    resource = finding.resource
    facts = [
        ("Resource", f"{resource.name} ({resource.note})" if resource.note else resource.name),
        ("ARN", resource.arn),
        ("Why", finding.reason),
        ("Risk", finding.risk),
        ("What to do", finding.remedy),
        ("Check", finding.check),
    ]
    told = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts if text)
    lines = f"<pre>{escape(finding.cli)}</pre>" if finding.cli else ""
    severity = escape(finding.severity)
    return (
        f'<article><h3><b class="{severity}">{severity.capitalize()}</b>: {escape(finding.title)}</h3>'
        f"<dl>{told}</dl>{lines}</article>"
    )


def _unchecked(entries: Iterable[NotChecked]) -> Iterable[str]:
    for entry in entries:
        names = escape(", ".join(entry.resources)) or f"all {escape(entry.area)}"
        yield (
            f"<article><h3>{escape(entry.title)}</h3><dl><dt>Why</dt><dd>{escape(entry.why)}</dd>"
            f"<dt>Of</dt><dd>{names}</dd><dt>Check</dt><dd>{escape(entry.check)}</dd></dl></article>"
        )
