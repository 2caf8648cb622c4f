"""A plot of a result as SVG, written by hand: prefill and decode of every model, a bar for each program; where decode is drawn, a
mark at the speed that the read bandwidth allows."""
from xml.sax.saxutils import escape

from beside.report import median, number, of_read, plain

COLOURS = ("#1b6e53", "#9aa5ad", "#c9b27c", "#b58db0")
LABEL, BARS, VALUE, BAR, GAP = 250, 420, 90, 14, 12  # pixels


def bar_rows(result, test):
    """[(model, [(program, tokens a second or None)], speed at the roof or None)]"""
    programs = ["lupo", *result["header"]["peers"]]
    rows = []
    for model in result["models"]:
        for cell in model["cells"]:
            if cell["test"] != test or not plain(cell):
                continue
            speeds = [(name, median(cell["values"].get(name, []))) for name in programs]
            share = of_read(model, cell)
            rows.append((model["model"], speeds, speeds[0][1] / share if share and speeds[0][1] else None))
    return rows


def text(x, y, content, anchor="start", weight="normal"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-weight="{weight}">{escape(content)}</text>')


def panel(rows, title, top):
    """Elements of one test and the y below them."""
    greatest = max([value or 0 for _, speeds, roof in rows for value in [*(s for _, s in speeds), roof]] + [1e-9])
    parts = [text(0, top + 14, title, weight="bold")]
    y = top + 28
    for model, speeds, roof in rows:
        height = BAR * len(speeds)
        parts.append(text(LABEL - 8, y + height / 2 + 4, model, "end"))
        for i, (_, value) in enumerate(speeds):
            width = BARS * (value or 0) / greatest
            parts.append(f'<rect x="{LABEL}" y="{y + i * BAR}" width="{width:.1f}" height="{BAR - 2}" '
                         f'fill="{COLOURS[i % len(COLOURS)]}"/>')
            parts.append(text(LABEL + width + 4, y + i * BAR + 10, number(value)))
        if roof:
            x = LABEL + BARS * roof / greatest
            parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 3}" y2="{y + height + 1}" stroke="#c0392b" stroke-width="2"/>')
        y += height + GAP
    return parts, y


def svg(result):
    parts, y = [], 8
    for i, name in enumerate(["lupo", *result["header"]["peers"]]):
        parts.append(f'<rect x="{i * 130}" y="{y}" width="12" height="12" fill="{COLOURS[i % len(COLOURS)]}"/>')
        parts.append(text(i * 130 + 18, y + 11, name))
    y += 24
    for test, title in (("prefill", "prefill, tokens a second"), ("decode", "decode, tokens a second; red: the read bandwidth")):
        rows = bar_rows(result, test)
        if rows:
            more, y = panel(rows, title, y)
            parts += more
    parts.append(text(0, y + 12, f"{result['header']['date']}, {result['header']['processor']}"))
    width, height = LABEL + BARS + VALUE, y + 24
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height:.0f}" viewBox="-8 0 {width + 8} {height:.0f}" '
            'font-family="sans-serif" font-size="11">\n<rect x="-8" width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) +
            "\n</svg>\n")
