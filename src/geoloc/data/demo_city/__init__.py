"""A procedural demo city: a small data set for place recognition that needs no download.

Streets with individual facades are cast column by column with NumPy. `builder` decides what stands where, `plan` from
where pictures are taken, `picture` renders one of them, and `render` writes them all.
"""

from .render import VERSION, render_demo_city

__all__ = ["VERSION", "render_demo_city"]
