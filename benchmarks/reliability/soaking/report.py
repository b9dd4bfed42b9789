"""What is said of a soak, and whether it kept its promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from verdict import facts_of

from soaking.samples import MEASURES, RULES, grown, thirds

if TYPE_CHECKING:
    from soaking.run import Outcome

RULE_FROM_MINUTES: Final = 5.0
"""A shorter soak is still warming up: its thirds are printed, but prove nothing."""


def kept(outcome: Outcome) -> bool:
    """Tell whether every promise was kept."""
    verdict = outcome.verdict
    whole = verdict.once == verdict.jobs == verdict.states["done"] >= outcome.plan.jobs
    flat = outcome.plan.minutes < RULE_FROM_MINUTES or not grown(outcome.samples)
    clean = not outcome.counts["ended with another status than 0"] and not outcome.unasked
    return whole and flat and clean and not verdict.broken and not outcome.orphans


def report(outcome: Outcome) -> str:
    """Return the counts for a reader."""
    verdict = outcome.verdict
    facts: dict[str, Any] = {
        **facts_of(verdict),
        "repeats that the nonce stopped": outcome.repeats,
        "found in the channel instead": outcome.found,
        "processes that outlived their bot": outcome.orphans,
        "lives that ended by themselves": outcome.unasked or 0,
        "time": f"{outcome.seconds / 60:.1f} min",
    }
    lines = [f"{name:<36}{value}" for name, value in facts.items()]
    lines += ["", *(f"{name:<36}{count}" for name, count in sorted(outcome.counts.items()))]
    return "\n".join([*lines, "", *_table(outcome)])


def _table(outcome: Outcome) -> list[str]:
    means, not_flat = thirds(outcome.samples), grown(outcome.samples)
    lines = [f"{'mean of one life':<20}{'2nd third':>10}{'last third':>12}  rule"]
    for name in MEASURES:
        before, after = means.get(name, (float("nan"), float("nan")))
        rule = f"at most +{RULES[name].share:.0%} +{RULES[name].more:g}"
        lines.append(f"{name:<20}{before:>10.1f}{after:>12.1f}  {rule}{'  NOT FLAT' * (name in not_flat)}")
    shown = ["", f"{'at':>5}{'descriptors':>13}{'memory MiB':>12}{'rows':>7}{'jobs':>7}{'blobs':>7}  pid"]
    shown += [
        f"{each.at:>5.2f}{each.descriptors:>13}{each.memory_mib:>12.1f}{each.rows:>7}{each.jobs:>7}{each.blobs:>7}"
        f"  {each.pid}"
        for each in outcome.samples
    ]
    return lines + shown
