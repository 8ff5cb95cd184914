"""`attention=N`: pictures of what made the first prediction of N queries of each test domain, or of those named.

They lie in attention/<domain>/<number>.jpg, and attention/<domain>.csv says what each shows.
"""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import numpy as np
import torch

from geoloc.attention import attention
from geoloc.data.domains import Domain
from geoloc.data.images import enough_for, read_image, read_pixels, resize
from geoloc.errors import InputError
from geoloc.evaluate.recall import correct
from geoloc.evaluate.worst import first_correct
from geoloc.net import DescriptorNet
from geoloc.report.attention import Panel, heat_strip
from geoloc.report.figures import QUERY, RIGHT, WRONG
from geoloc.report.paper.chosen import by_name
from geoloc.result import Result

log = logging.getLogger(__name__)
COLUMNS = ("query", "database", "role", "file", "similarity")


def draw_attention(
    folder: Path, net: DescriptorNet, results: dict[str, Result], wanted: int | list[str], device: torch.device
) -> None:
    """Draw and list the attention of some queries of each domain, as the network sees photos resized to its size.

    That it fails is said, and no more: the run has been judged, and its report is not to be lost.

    Args:
        folder: The run's.
        net: The network that was judged; it is back on its device afterwards.
        results: Of each test domain.
        wanted: Number of queries of a domain; or paths of queries or parts of them.
        device: Where the maps are computed.
    """
    if isinstance(wanted, int):
        rows = {name: choose(result, wanted) for name, result in results.items()}
    else:
        rows = _named(wanted, [result.domain for result in results.values()])
    home = net.mean.device
    try:
        net.to(device)
        for name, chosen in rows.items():
            if chosen:
                _draw(folder / "attention", net, results[name], chosen)
                log.info("attention of %d queries: %s", len(chosen), folder / "attention" / name)
    except InputError as error:
        log.warning("%s", error)
    except RuntimeError as error:  # of a foreign layer, or for want of memory
        log.warning("attention: cannot be drawn (%s)", str(error).partition("\n")[0])
    finally:
        net.to(home)


def check_named(wanted: int | list[str], domains: list[Domain]) -> None:
    """Make sure that queries that are asked for by name are there.

    Args:
        wanted: See `draw_attention`.
        domains: Those to be judged.

    Raises:
        InputError: A part of a path fits no query of any domain, or several of one.
    """
    if isinstance(wanted, list) and domains:
        _named(wanted, domains)


def _named(parts: list[str], domains: list[Domain]) -> dict[str, list[int]]:
    """Domain -> rows of its queries that are asked for, in that order; empty where it has none of them."""
    return by_name(parts, {domain.name: domain.queries.names for domain in domains}, "attention")


def choose(result: Result, wanted: int) -> list[int]:
    """Queries to be shown: half of them wrong, half of them right, as far as there are so many.

    Of the wrong ones those whose first right candidate comes last, and of these the ones that were surest of their
    first prediction; queries without a positive come after all others. The right ones lie evenly over the domain.

    Args:
        result: Of the domain.
        wanted: Number of queries.

    Returns:
        Rows of queries, wrong ones first.
    """
    ids, distances = result.predictions.ids, result.predictions.distances
    ranks = first_correct(correct(ids, result.positives))
    wrong, right = np.flatnonzero(ranks != 1), np.flatnonzero(ranks == 1)
    ranks[ranks == 0] = ids.shape[1] + 1  # none is right: later than all that are
    hardness = np.where(result.positives.counts[wrong] > 0, ranks[wrong], -1)
    hardest = wrong[np.lexsort((distances[wrong, 0], -hardness))]
    count = min(len(right), max(wanted // 2, wanted - len(wrong)))
    evenly = right[np.linspace(0, len(right) - 1, count).round().astype(int)] if count else right[:0]
    return [*hardest[: wanted - count].tolist(), *evenly.tolist()]


def _draw(folder: Path, net: DescriptorNet, result: Result, queries: list[int]) -> None:
    """Draw the queries of a domain, one a picture."""
    domain = result.domain
    enough = enough_for(net.image_size, result.protocol.get("decode", "full"))
    (folder / domain.name).mkdir(parents=True, exist_ok=True)
    with (folder / f"{domain.name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number, query in enumerate(queries, 1):
            path = folder / domain.name / f"{number}.jpg"
            panels: list[Panel] = []
            for role, row in shown(result, query):
                paths = domain.queries.path(query), domain.database.path(row)
                photos = [read_image(each) for each in paths]
                seen = [resize(read_pixels(each, enough), net.image_size) for each in paths]
                found = attention(net, torch.stack(seen))
                if not panels:
                    panels.append(Panel(photos[0], found.maps[0].numpy(), QUERY))
                frame = RIGHT if row in result.positives.of(query) else WRONG
                panels.append(Panel(photos[1], found.maps[1].numpy(), frame))
                names = domain.queries.names[query], domain.database.names[row]
                file_name = path.relative_to(folder.parent).as_posix()
                writer.writerow((*names, role, file_name, f"{found.similarity:.6f}"))
            heat_strip(panels).save(path, quality=88)


def shown(result: Result, query: int) -> list[tuple[str, int]]:
    """Database images beside a query, (role, row) each: what was found, and what should have been where that is wrong.

    Of several that should have been: the one that comes first among the candidates, else the nearest in metres.
    """
    candidates, positives = result.predictions.ids[query], result.positives.of(query)
    first = ("prediction", int(candidates[0]))
    if candidates[0] in positives or not len(positives):
        return [first]
    right = candidates[np.isin(candidates, positives)]
    if not len(right):
        domain = result.domain
        meters = np.linalg.norm(domain.database.xy[positives] - domain.queries.xy[query], axis=1)
        right = positives[[meters.argmin()]]
    return [first, ("positive", int(right[0]))]
