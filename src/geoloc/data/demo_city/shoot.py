"""Takes the planned pictures of a street."""

import numpy as np
from numpy.typing import NDArray

from .caster import Camera
from .light import draw_emission, night_lamps
from .picture import Night, take_picture
from .plan import CityPlan, Shot, Site, generator
from .sensor import database_sensor, day_sensor, night_sensor
from .traffic import Visit, draw_visit
from .weather import any_day, any_night, clear_day
from .world import Street

_DATABASE_VIEW, _QUERY_VIEWS = 72.0, (67.0, 77.0)  # degrees of horizontal field of view


def take_shot(plan: CityPlan, seed: int, site: Site, street: Street, shot: Shot) -> NDArray[np.uint8]:
    """Render one planned picture.

    Args:
        plan: Owner of the picture's size.
        seed: The city's seed.
        site: Where the street lies.
        street: The street itself.
        shot: The picture to take.

    Returns:
        (rows, columns, 3) picture.
    """
    rng = generator(seed, site, shot.kind, shot.index, shot.tile)
    if shot.kind == "database":
        camera = _camera(rng, plan, site, shot, _DATABASE_VIEW)
        # The survey car passes once: weather and traffic belong to the street, not to the picture.
        weather = clear_day(generator(seed, site, "database"), site.bearing)
        visit_rng = generator(seed, site, "database", shot.index)
        visit = draw_visit(visit_rng, street, (shot.x, shot.y), parked=0.2, driving=0.4, people=1.0)
        return take_picture(rng, street, visit, camera, weather, database_sensor(rng))
    camera = _camera(rng, plan, site, shot, rng.uniform(*_QUERY_VIEWS))
    visit = draw_visit(rng, street, (shot.x, shot.y), parked=0.35, driving=0.7, people=3.5)
    if shot.kind == "queries":
        return take_picture(rng, street, visit, camera, any_day(rng, site.bearing), day_sensor(rng))
    return _by_night(rng, street, visit, camera)


def take_pair(
    plan: CityPlan, seed: int, site: Site, street: Street, shot: Shot
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Render one planned query by day and by night: same camera and same traffic, other light and other sensor.

    Args:
        plan: Owner of the pictures' size.
        seed: The city's seed.
        site: Where the street lies.
        street: The street itself.
        shot: The query.

    Returns:
        Two (rows, columns, 3) pictures: by day, by night.
    """
    rng = generator(seed, site, "pairs", shot.index, shot.tile)
    camera = _camera(rng, plan, site, shot, rng.uniform(*_QUERY_VIEWS))
    visit = draw_visit(rng, street, (shot.x, shot.y), parked=0.35, driving=0.7, people=3.5)
    day = take_picture(rng, street, visit, camera, any_day(rng, site.bearing), day_sensor(rng))
    return day, _by_night(rng, street, visit, camera)


def _by_night(rng: np.random.Generator, street: Street, visit: Visit, camera: Camera) -> NDArray[np.uint8]:
    emission = draw_emission(rng, street)
    night = Night(emission, night_lamps(rng, street, emission, camera))
    return take_picture(rng, street, visit, camera, any_night(rng), night_sensor(rng), night)


def _camera(rng: np.random.Generator, plan: CityPlan, site: Site, shot: Shot, view: float) -> Camera:
    return Camera(
        x=shot.x,
        y=shot.y,
        z=rng.uniform(1.65, 1.85) if shot.kind == "database" else rng.uniform(1.5, 2.0),
        turn=float(np.radians(shot.heading - site.bearing)),
        focal=plan.columns / 2 / float(np.tan(np.radians(view / 2))),
        rows=plan.rows,
        columns=plan.columns,
        horizon=plan.rows * (0.62 + rng.uniform(-0.02, 0.02)),
    )
