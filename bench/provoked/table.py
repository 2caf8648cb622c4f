"""The table of what was provoked."""
import datetime
import platform

HEAD = ("| case | provoked by | fix | predicted gain, 80 % of cases | measured gain | |", "|---|---|---|---|---|---|")


def percent(gain):
    return f"{100 * gain:+.0f} %" if gain < 10 else f"{1 + gain:.1f}×"


def predicted(row):
    if row.missing:
        return f"left out: {row.missing}"
    if not row.found:
        return "NOT NAMED"
    if row.found["freed_bytes"]:
        return f"frees {row.found['freed_bytes'] / 2**20:.0f} MiB"
    if row.found["gain"] <= 0:
        return "none told"
    low, middle, high = (percent(row.found[key]) for key in ("gain_low", "gain", "gain_high"))
    return f"{row.found['gain_of']} {middle} [{low} … {high}]"


def line(row):
    measured = "" if row.measured is None else row.measured if isinstance(row.measured, str) else percent(row.measured)
    is_gain = row.found is not None and row.found["gain"] > 0 and not isinstance(row.measured, str)
    verdict = "" if row.holds is None else ("within" if is_gain else "as told") if row.holds else "OUTSIDE"
    return f"| `{row.code}` | {row.how} | {row.fix} | {predicted(row)} | {measured} | {verdict} |"


def has_failed(rows):
    judged = [row.holds for row in rows if row.holds is not None]
    return any(not row.found and not row.missing for row in rows) or 3 * judged.count(False) >= max(1, len(judged))


def write(path, rows):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    begin, end = "<!-- provoked -->", "<!-- /provoked -->"
    if begin not in text or end not in text:
        raise SystemExit(f"error: {path} has no lines {begin} and {end}")
    judged = [row.holds for row in rows if row.holds is not None]
    when = f"{datetime.date.today()}, {platform.machine()}: {sum(judged)} of {len(judged)} of what can be measured came as told."
    table = "\n".join((when, "", *HEAD, *map(line, rows)))
    with open(path, "w", encoding="utf-8") as file:
        file.write(text[: text.index(begin)] + f"{begin}\n{table}\n{end}" + text[text.index(end) + len(end) :])
