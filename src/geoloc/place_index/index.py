"""`geoloc.Index`: photos that are described once and searched ever after."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from geoloc.data.georeferenced import photos_with_positions
from geoloc.describing import describe_photos
from geoloc.errors import InputError
from geoloc.extraction.describer import Describer
from geoloc.extraction.precision import Precision
from geoloc.net import DescriptorNet
from geoloc.place_index import storage
from geoloc.place_index.agreement import (
    check_frame,
    check_network,
    check_precision,
    examples,
    shown_by,
)
from geoloc.place_index.contents import Contents
from geoloc.place_index.records import records_of
from geoloc.place_index.searching import Searchable
from geoloc.place_index.segment import Segment
from geoloc.places import PlaceSet

log = logging.getLogger(__name__)
Source = str | Path | Sequence[str | Path] | PlaceSet
Same = Literal["refuse", "skip", "replace"]
BLOCK = 2**28  # bytes of descriptors that become a segment


class Index(Searchable):
    """Photos with their descriptors, positions and times, of one network.

    `Index.build` makes one, `Index.load` opens one that was saved. What is added and removed is in memory until `save`;
    a saved index can be open in any number of processes, each of which sees it as it was when it was loaded.

    Args:
        contents: What it holds.
        folder: Where it is saved; None: nowhere yet.
        revision: Of what is saved there.
    """

    def __init__(self, contents: Contents, folder: Path | None = None, revision: int = 0) -> None:
        super().__init__(contents)
        self.folder = folder
        self.revision = revision
        self._removed: set[str] = set()

    @classmethod
    def build(
        cls,
        net: DescriptorNet,
        photos: Source,
        folder: str | Path | None = None,
        *,
        dtype: Literal["float32", "float16"] = "float32",
        coordinates: Literal["utm", "local"] = "utm",
        prefix: str = "",
        precision: Precision = "auto",
        device: str | torch.device | None = None,
        batch_size: int | None = None,
        workers: int | None = None,
    ) -> Index:
        """Describe photos whose positions are known.

        Args:
            net: The network.
            photos: A folder, a table, paths: see `photos_with_positions`; or a `PlaceSet`.
            folder: Where the index is saved, block by block, so that an interruption loses little: `load` and
                `add(..., same="skip")` go on. None: it stays in memory.
            dtype: Of the descriptors. float16 takes half the space; distances are measured in float32 either way.
            coordinates: "local" for positions of names or tables in another metric frame than UTM.
            prefix: Put before each photo's name to make its id.
            precision: See `describe_photos`; so are the others.
            device: Likewise.
            batch_size: Likewise.
            workers: Likewise.

        Raises:
            InputError: There is an index in the folder, there are no photos with positions, or one cannot be read.
        """
        if folder is not None and (Path(folder) / storage.MANIFEST).exists():
            raise InputError(f"{folder}: holds an index; geoloc.Index.load(folder).add(...) goes on with it")
        places = photos if isinstance(photos, PlaceSet) else photos_with_positions(photos, coordinates)
        frame = "local" if places.coordinates == "local" else "utm"
        contents = Contents(net.digest(), net.out_dim, dtype, frame, shown_by(net))
        index = cls(contents, None if folder is None else Path(folder))
        how: dict[str, Any] = {"device": device, "batch_size": batch_size, "workers": workers}
        index.add(places, net, prefix=prefix, precision=precision, save=folder is not None, **how)
        return index

    def add(
        self,
        photos: Source,
        net: DescriptorNet,
        *,
        same: Same = "refuse",
        prefix: str = "",
        save: bool = False,
        precision: Precision = "auto",
        device: str | torch.device | None = None,
        batch_size: int | None = None,
        workers: int | None = None,
    ) -> int:
        """Describe further photos; those that are there are not described again.

        Args:
            photos: See `build`.
            net: The network that the index was built with.
            same: What is done with a photo whose id is there already: "refuse" the whole call, "skip" the photo, or
                "replace" what is there.
            prefix: Put before each photo's name to make its id.
            save: Save block by block, instead of all at once by `save`.
            precision: See `describe_photos`; so are the others.
            device: Likewise.
            batch_size: Likewise.
            workers: Likewise.

        Returns:
            How many photos were added.

        Raises:
            InputError: It is another network, an id is there already, positions are of another kind, a photo cannot be
                read; the index is then as it was, but for blocks that are saved.
        """
        check_network(self.contents, net)
        wanted = "local" if self.contents.coordinates == "local" else "utm"
        places = photos if isinstance(photos, PlaceSet) else photos_with_positions(photos, wanted)  # type: ignore[arg-type]
        check_frame(self.contents, places)
        records, again = self._new(places, prefix, same)
        describer = Describer(precision)
        step = max(256, BLOCK // (net.out_dim * np.dtype(self.contents.dtype).itemsize))
        contents, removed = self.contents.without(again), again
        for start in range(0, len(records), step):
            part = records.select(np.arange(start, min(start + step, len(records))))
            paths = [Path(path) for path in part.paths]
            vectors = np.empty((len(part), net.out_dim), self.contents.dtype)
            how: dict[str, Any] = {"device": device, "batch_size": batch_size, "workers": workers}
            describe_photos(net, paths, describer=describer, out=vectors, what="describing the database", **how)
            check_precision(contents.segments, describer.facts(), contents.where)
            contents = contents.plus(Segment(vectors, part, describer.facts()))
            if save:
                self.contents, self._removed = contents, self._removed | removed
                self.save()
                contents, removed = self.contents, set()
        self.contents, self._removed = contents, self._removed | removed
        return len(records)

    def _new(self, places: PlaceSet, prefix: str, same: Same) -> tuple[Any, set[str]]:
        """Records of what is to be described, and ids of what that replaces."""
        records = records_of(places, prefix)
        again = self.contents.ids.intersection(records.ids.tolist())
        if again and same == "refuse":
            raise InputError(
                f"{places.root}: {len(again)} of {len(records)} photos have an id that {self.contents.where} holds"
                f" already ({examples(sorted(again))}); same='skip' leaves those out, same='replace' describes them"
                " anew, and a prefix gives these other ids"
            )
        if again and same == "skip":
            records = records.select(np.flatnonzero([each not in again for each in records.ids]))
            again = set()
        known = set(self.contents.records.paths.tolist())
        twice = [
            str(path) for path, i in zip(records.paths, records.ids, strict=True) if path in known and i not in again
        ]
        if twice:
            log.warning("%d photos are in the index under another id (%s)", len(twice), examples(twice))
        return records, again

    def remove(self, ids: str | Iterable[str]) -> int:
        """Take photos out.

        Args:
            ids: Of the photos.

        Returns:
            How many were removed.

        Raises:
            InputError: An id is not there.
        """
        wanted = {ids} if isinstance(ids, str) else set(ids)
        missing = sorted(wanted - self.contents.ids)
        if missing:
            raise InputError(f"{self.contents.where}: {len(missing)} ids are not in the index ({examples(missing)})")
        self.contents, self._removed = self.contents.without(wanted), self._removed | wanted
        return len(wanted)

    def save(self, folder: str | Path | None = None, overwrite: bool = False) -> Path:
        """Write what is not on the disk yet; the index there is the old one until all of the new one is written.

        Where another process has saved meanwhile, what was added and removed here is added and removed there.

        Args:
            folder: Where; None: where it was loaded from or saved before.
            overwrite: Whether another index in the folder may be replaced.

        Returns:
            The folder.

        Raises:
            InputError: There is no room, another index is there, or an id that was added here was added there too.
        """
        target = self.folder if folder is None else Path(folder)
        if target is None:
            raise InputError("save: name a folder for the index")
        own = self.folder is not None and target.resolve() == self.folder.resolve()
        with storage.locked(target):
            there = (target / storage.MANIFEST).exists()
            if there and not own and not overwrite:
                raise InputError(f"{target}: holds another index; overwrite=True replaces it, or name another folder")
            revision = int(storage.manifest_of(target)["revision"]) if there else 0
            contents = self._rebased(target) if there and own and revision != self.revision else self.contents
            self.contents = storage.write(target, contents, revision + 1)
        self.folder, self.revision, self._removed = target, revision + 1, set()
        return target

    def _rebased(self, folder: Path) -> Contents:
        """What others have saved meanwhile, changed as this index was changed since it was loaded."""
        theirs, _ = storage.read(folder)
        if (theirs.model, theirs.dtype, theirs.coordinates) != (
            self.contents.model,
            self.contents.dtype,
            self.contents.coordinates,
        ):
            raise InputError(f"{folder}: has been replaced by an index of another network or kind; save elsewhere")
        changed = theirs.without(self._removed)
        for segment in self.contents.segments:
            if not segment.name:
                clash = sorted(changed.ids.intersection(segment.live.ids.tolist()))
                if clash:
                    raise InputError(
                        f"{folder}: another process has added {len(clash)} of the same photos meanwhile"
                        f" ({examples(clash)}); load the index again and add with same='skip'"
                    )
                changed = changed.plus(segment)
        return changed

    @classmethod
    def load(cls, folder: str | Path, net: DescriptorNet | None = None) -> Index:
        """Open an index; its descriptors stay on the disk, and are mapped.

        Args:
            folder: Where it was saved.
            net: The network that it must have been built with; None: any.

        Raises:
            InputError: There is none, it is damaged, or of another network.
        """
        contents, revision = storage.read(Path(folder))
        if net is not None:
            check_network(contents, net)
        return cls(contents, Path(folder), revision)
