"""A drawing of how many workers are at work in a simulated campaign."""

from collections.abc import Sequence

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 240, 60, 40, 16  # pixels


def draw_busy(points: Sequence[Sequence[float]]) -> str:
    """An SVG of workers at work over hours; each point is an hour and a count."""
    last, most = points[-1][0], max(count for _, count in points)
    across, up = WIDTH - LEFT - 16, HEIGHT - BOTTOM - TOP
    places = [(LEFT + across * hour / last, TOP + up * (1 - count / most)) for hour, count in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    floor = TOP + up
    marks = [
        *(text(LEFT + across * part, floor + 18, f"{last * part:.1f}", "middle") for part in (0, 0.25, 0.5, 0.75, 1)),
        *(text(LEFT - 8, TOP + up * (1 - part) + 4, f"{most * part:,.0f}", "end") for part in (0, 0.5, 1)),
        text(LEFT + across / 2, HEIGHT - 4, "hours", "middle"),
        text(LEFT + 4, TOP - 4, "workers at work", "start"),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="sans-serif" font-size="12" fill="#333333">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
        f'<path d="M{LEFT},{TOP} V{floor} H{LEFT + across}" fill="none" stroke="#333333"/>'
        f'<polyline points="{line}" fill="none" stroke="#1f77b4" stroke-width="1.5"/>{"".join(marks)}</svg>\n'
    )


def text(x: float, y: float, said: str, anchor: str) -> str:
    """A label."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{said}</text>'
