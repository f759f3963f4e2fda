"""Icons of the states, drawn by rule: sixteen by ten pixels in four shades of grey, as phones with such displays take.

Four pixels are a byte, the first one in its lowest bits.
"""

from collections.abc import Callable

from presence.engine.reachability import Reachability

WIDTH = 16
"Pixels, the most for an icon beside a menu item."

HEIGHT = 10
"Pixels, the most for an icon beside a menu item."

DEPTH = 2
"Bits of a pixel."

WHITE, LIGHT, DARK, BLACK = range(4)

Shape = Callable[[float, float], int]
"The shade of the point with this distance from the centre, in pixels to the right and downwards."


def _disc(inside: Callable[[float, float], int]) -> Shape:
    """A black ring, filled as told."""

    def shade(x: float, y: float) -> int:
        distance = x * x + y * y
        return WHITE if distance > 25 else BLACK if distance > 14 else inside(x, y)

    return shade


def _cross(x: float, y: float) -> int:
    return BLACK if abs(abs(x) - abs(y)) < 1 else WHITE


def _question(x: float, y: float) -> int:
    """A hook, a stem and a point."""
    hook = 2 <= x * x + (y + 2) ** 2 <= 8 and (y < -2 or x > 0)
    return BLACK if hook or (abs(x) < 1 and (0 <= y < 2 or y > 3)) else WHITE


SHAPES: dict[Reachability, Shape] = {
    Reachability.AVAILABLE: _disc(lambda x, y: BLACK),
    Reachability.BUSY: _disc(lambda x, y: DARK if abs(y) < 2 else LIGHT),
    Reachability.INTERRUPTIBLE: _disc(lambda x, y: DARK if y > 0 else WHITE),
    Reachability.DND: _disc(lambda x, y: BLACK if abs(y) < 1 else WHITE),
    Reachability.AWAY: _disc(lambda x, y: BLACK if x > 0 else WHITE),
    Reachability.VACATION: _disc(lambda x, y: LIGHT),
    Reachability.UNAVAILABLE: _cross,
    Reachability.UNKNOWN: _question,
}
"Told apart by shape, since a display may have two shades only."


def pixels(shape: Shape) -> list[list[int]]:
    """The rows of an icon."""
    return [[shape(x + 0.5 - WIDTH / 2, y + 0.5 - HEIGHT / 2) for x in range(WIDTH)] for y in range(HEIGHT)]


def packed(shades: list[int]) -> str:
    """Pixels as hexadecimal digits; their number is a multiple of four."""
    fours = (shades[at : at + 4] for at in range(0, len(shades), 4))
    return bytes(sum(shade << 2 * place for place, shade in enumerate(four)) for four in fours).hex().upper()


STATES = tuple(Reachability)
"By number of the icon."

ICONS = tuple(packed([shade for row in pixels(SHAPES[state]) for shade in row]) for state in STATES)
