"""What a study came to, on a terminal: the verdict first, then each score over the seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw.report.summary import next_command
from clsfw.report.terminal import bad, bold, dim, doubtful, good, link, typed
from clsfw.studies.content import REPORT, RESULT
from clsfw.studies.search import values_told
from clsfw.studies.whole import over_seeds_and_rows

if TYPE_CHECKING:
    from clsfw.report.terminal import Screen
    from clsfw.studies.content import FinishedStudy, SearchRecord, Spread, StudyVerdict

_TONES = {"REPRODUCED": "green", "NOT REPRODUCED": "red", "NOT COMPARABLE": "yellow"}


def summarize(screen: Screen, study: FinishedStudy) -> None:
    """Write the summary of a complete study."""
    runs = study.record["runs"]
    screen.line()
    seeds = list(dict.fromkeys(run["seed"] for run in runs))
    screen.line(bold(study.record["name"]), dim(f"  {len(seeds)} seeds: {', '.join(map(str, seeds))}"))
    if study.verdict is not None:
        _verdict(screen, study.verdict, len(seeds))
    search = study.record["search"]
    if search is not None:
        _search(screen, search, str(study.record["study"]["search"]["metric"]))
        _scores(screen, "the chosen values", {"test": study.scores["test"]}, len(seeds))
        _scores(screen, "the recipe's own values", {"test": search["own_scores"]["test"]}, len(seeds))
    else:
        _scores(screen, "", study.scores, len(seeds))
    name = "accuracy" if "accuracy" in study.scores["test"] else next(iter(study.scores["test"]))
    if (limits := over_seeds_and_rows(study, name)) is not None:
        said = f"{limits[0]:.4f} to {limits[1]:.4f}"
        screen.line(f"over all seeds and test texts there might be, {name} is likely ", bold(said), dim("  (95 %)"))
    if all(spread["std"] == 0 for scores in study.scores.values() for spread in scores.values()):
        screen.line("every seed gives the same scores: nothing in this recipe hangs on the seed")
    screen.line()
    screen.line(dim("study:  "), link(study.directory / RESULT))
    screen.line(dim("report: "), link(study.directory / REPORT))
    first = study.runs[0]
    screen.line(dim("next:   "), typed(next_command(first, first.directory)))


def _scores(screen: Screen, whose: str, scores_by_split: dict[str, dict[str, Spread]], seeds: int) -> None:
    for split, scores in scores_by_split.items():
        head = f"{split}, {whose}" if whose else split
        screen.line(bold(head), dim(f"  mean over {seeds} seeds, with its 95 % interval over seeds"))
        rows = [_row(name, spread) for name, spread in scores.items()]
        screen.table(["", "mean", "95 %", "std", "lowest", "highest"], rows, "<>>>>>")


def _search(screen: Screen, search: SearchRecord, metric: str) -> None:
    """Say what was chosen, what it gains on the test split, and how much of the search's best score was luck."""
    trials, best = search["trials"], search["chosen"]
    diverged = sum(trial["score"] is None for trial in trials)
    ended = f", {diverged} of them diverged" if diverged else ""
    screen.line("chosen: ", bold(values_told(best["values"])), dim(f"  trial {best['number']} of {len(trials)}{ended}"))
    told_by, words = gain_told(search)
    screen.line({"good": good, "bad": bad, "open": doubtful}[told_by](words))
    screen.line(luck_told(search, metric))
    if (hint := importance_told(search)) is not None:
        screen.line(dim(hint))


def gain_told(search: SearchRecord) -> tuple[str, str]:
    """Say what the search gains on the test split, and whether that is good, bad or open."""
    gain = search["gain"]
    low, high = (100 * edge for edge in gain["interval"])
    words = f"{100 * gain['mean']:+.2f} points of {gain['score']} on test (95 % {low:+.2f} to {high:+.2f})"
    if low > 0:
        return "good", f"the search gains {words}"
    if high < 0:
        return "bad", f"the search loses: {words}"
    return "open", f"no evidence that the search gains anything: {words}"


def importance_told(search: SearchRecord) -> str | None:
    """Say which settings mattered, as a hint; None where the trials are too few to say."""
    if search["importance"] is None:
        return None
    shares = (f"{name.partition('.')[2]} {100 * share:.0f} %" for name, share in search["importance"].items())
    return f"a hint at what moved the score: {', '.join(shares)}"


def luck_told(search: SearchRecord, metric: str) -> str:
    """Say how much of the best score of the search was luck."""
    optimism = search["optimism"]
    return (
        f"its best {metric} on validation was {optimism['best']:.4f}; under fresh seeds the same values have "
        f"{optimism['fresh']:.4f}, so {100 * optimism['difference']:+.2f} points of it were the luck of its seed"
    )


def _row(name: str, spread: Spread) -> list[str]:
    low, high = spread["interval"]
    values = spread["values"]
    numbers = (spread["std"], min(values), max(values))
    return [name, f"{spread['mean']:.4f}", f"{low:.4f} to {high:.4f}", *(f"{number:.4f}" for number in numbers)]


def _verdict(screen: Screen, verdict: StudyVerdict, seeds: int) -> None:
    """Return whether the mean reached what was expected, and how many single seeds would have."""
    alone = round(verdict["passed"] * seeds)
    source = f"  ({verdict['source']})" if verdict["source"] else ""
    badge = screen.badge(verdict["status"], _TONES[verdict["status"]])
    screen.line(badge, f" by the mean of {seeds} seeds; {alone} of {seeds} alone would have passed", dim(source))
    for reason in verdict["reasons"]:
        screen.line(reason, indent=2)
    for check in verdict["checks"]:
        found = "none" if check["found"] is None else f"{check['found']:.4f}"
        held = "within" if check["held"] else "not within"
        words = f"{check['what']}: {found}, {held} {check['tolerance']:g} of {check['expected']:g}"
        screen.line(f"{words}; {round(check['passed'] * seeds)} of {seeds} seeds", indent=2)
    screen.line()
