"""From a view to surface points: positions, directions and colours of everything that is not sky."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .caster import SKY, TOP, Camera, View
from .noise import Floats
from .texture import Indices
from .world import Boxes, Street


@dataclass
class SurfacePoints:
    """The N pixels that see a surface.

    Attributes:
        pixel: (N,) flat picture index.
        x: (N,) position in the street's frame in metres; likewise y and z.
        depth: (N,) metres along the direction of view.
        normal_x: (N,) outward direction of the surface; likewise normal_y and normal_z.
        albedo: (3, N) linear reflectance in 0..1.
        glass: (N,) share of window glass in 0..1.
        texture: (N,) texture number.
        part: (N,) light-emitting part of the texture, 0 for none.
    """

    pixel: Indices
    x: Floats
    y: Floats
    z: Floats
    depth: Floats
    normal_x: Floats
    normal_y: Floats
    normal_z: Floats
    albedo: Floats
    glass: Floats
    texture: Indices
    part: NDArray[np.uint8]


@dataclass
class _SurfaceTable:
    """One entry per surface of the scene; the ground is the last, so that its number -1 finds it."""

    texture: Indices
    along_y: NDArray[np.bool_]
    flat: NDArray[np.bool_]
    start_along: Floats
    start_up: Floats
    normal: Floats


def _tabulate(street: Street, boxes: list[Boxes]) -> _SurfaceTable:
    bounds = np.concatenate([group.bounds for group in boxes])
    textures = np.concatenate([group.textures for group in boxes])
    count = len(bounds)
    x0, y0, z0 = bounds[:, 0], bounds[:, 2], bounds[:, 4]
    face = np.tile(np.arange(5), count)
    ground = street.ground
    normals = np.array([[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    return _SurfaceTable(
        texture=np.append(textures.ravel(), street.ground_texture),
        along_y=np.append(face < 2, False),
        flat=np.append(face == TOP, True),
        start_along=np.append(np.stack([y0, y0, x0, x0, x0], 1).ravel(), np.float32(-ground.reach)),
        start_up=np.append(np.stack([z0, z0, z0, z0, y0], 1).ravel(), np.float32(-ground.breadth)),
        normal=normals[np.append(face, TOP)].T.copy(),
    )


def locate_surfaces(camera: Camera, view: View, street: Street, boxes: list[Boxes]) -> SurfacePoints:
    """Compute the surface point of every pixel that does not see the sky.

    Args:
        camera: The camera that `view` was cast with.
        view: Depth and surface numbers.
        street: Owner of the textures.
        boxes: The groups of boxes in the order in which they were cast.

    Returns:
        The surface points.
    """
    table = _tabulate(street, boxes)
    pixel = np.flatnonzero(view.surface != SKY)
    row, column = np.divmod(pixel, camera.columns)
    surface = view.surface.ravel()[pixel]
    depth = view.depth.ravel()[pixel].astype(np.float32)
    ray_x, ray_y = (ray[column] for ray in camera.rays())
    x = np.float32(camera.x) + depth * ray_x
    y = np.float32(camera.y) + depth * ray_y
    z = np.float32(camera.z) + depth * camera.slopes()[row]
    along_y, flat = table.along_y[surface], table.flat[surface]
    # One pixel sideways covers depth / focal across the view, more on a wall that is seen obliquely.
    sideways = depth / np.float32(camera.focal)
    steep: Floats = np.maximum(np.abs(np.where(along_y, ray_x, ray_y)), np.float32(0.02))
    size_along, size_up = sideways / steep, sideways
    onward = np.minimum(depth * sideways / np.maximum(np.abs(camera.z - z), np.float32(0.2)), np.float32(50.0))
    size_along = np.where(flat, np.abs(ray_x) * onward + np.abs(ray_y) * sideways, size_along)
    size_up = np.where(flat, np.abs(ray_y) * onward + np.abs(ray_x) * sideways, size_up)
    texture = table.texture[surface]
    planes, part = street.atlas.sample(
        texture,
        np.where(along_y, y, x) - table.start_along[surface],
        np.where(flat, y, z) - table.start_up[surface],
        size_along,
        size_up,
    )
    normal_x, normal_y, normal_z = table.normal[:, surface]
    return SurfacePoints(pixel, x, y, z, depth, normal_x, normal_y, normal_z, planes[:3] ** 2, planes[3], texture, part)
