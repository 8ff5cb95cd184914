"""Print what one machine holds, as the two tables of docs/scale.md, by the formulas of `geoloc.index.capacity`.

python scripts/bench/capacity.py
"""

from __future__ import annotations

from geoloc.index.capacity import hours, needs

IMAGES = (10_000, 100_000, 1_000_000, 10_000_000, 30_000_000, 100_000_000)
DIMS = (512, 4096, 16_384)
RATES = (10, 100, 1000)  # images a second


def gigabytes(number: float) -> str:
    """As people say it.

    Example:
        >>> gigabytes(2_050_000_000), gigabytes(6_550_000_000_000), gigabytes(20_000_000)
        ('2.0 GB', '6.6 TB', '0.02 GB')
    """
    size = number / 1e9
    return (
        f"{size / 1000:.1f} TB"
        if size >= 1000
        else f"{size:.0f} GB"
        if size >= 10
        else f"{size:.1f} GB"
        if size >= 0.1
        else f"{size:.2f} GB"
    )


def table() -> list[str]:
    """What one machine holds, as two Markdown tables."""
    found = ["| images | D | on disk, float32 | float16 | in memory: exact | faiss_hnsw | faiss_ivfpq |"]
    found.append("| " + " | ".join(["---:"] * 7) + " |")
    for images in IMAGES:
        for dim in DIMS:
            need = needs(images, dim)
            sizes = map(gigabytes, (need.float32, need.float16, need.exact, need.faiss_hnsw, need.faiss_ivfpq))
            found.append(f"| {images:,} | {dim:,} | {' | '.join(sizes)} |")
    found += ["", f"| images | {' | '.join(f'hours at {rate:,}/s' for rate in RATES)} |"]
    found.append("| " + " | ".join(["---:"] * (1 + len(RATES))) + " |")
    found += [f"| {images:,} | {' | '.join(f'{hours(images, rate):,.1f}' for rate in RATES)} |" for images in IMAGES]
    return found


if __name__ == "__main__":
    print("\n".join(table()))
