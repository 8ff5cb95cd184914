"""`geoloc.Index`: photos that are described once and searched ever after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch

from geoloc.data.georeferenced import photos_with_positions
from geoloc.describing import describer_for
from geoloc.errors import InputError
from geoloc.extraction.precision import Precision
from geoloc.net import DescriptorNet
from geoloc.place_index import storage
from geoloc.place_index.adding import Same, new_records, segments_of
from geoloc.place_index.agreement import check_network, check_precision, examples, shown_by
from geoloc.place_index.contents import Contents
from geoloc.place_index.searching import Searchable
from geoloc.place_index.tidying import rebased, tidied, whole
from geoloc.places import PlaceSet

Source: TypeAlias = str | Path | Sequence[str | Path] | PlaceSet


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
        self._loaded = contents

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
        if dtype not in ("float32", "float16"):
            raise InputError(f"dtype={dtype!r}: must be float32 or float16")
        if folder is not None:
            storage.check_folder(Path(folder))
            if (Path(folder) / storage.MANIFEST).exists():
                raise InputError(f"{folder}: holds an index; geoloc.Index.load(folder).add(...) goes on with it")
        places = photos if isinstance(photos, PlaceSet) else photos_with_positions(photos, coordinates)
        frame = "local" if places.coordinates == "local" else "utm"
        contents = Contents(net.digest(), net.out_dim, dtype, frame, shown_by(net))
        index = cls(contents, None if folder is None else Path(folder).absolute())
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
            save: Save block by block, so that an interruption loses little; False: nothing is saved before `save`.
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
        records, again = new_records(self.contents, self._placed(photos), prefix, same)
        describer = describer_for(precision, len(records))
        contents = self.contents
        for segment in segments_of(net, records, contents.dtype, describer, device, batch_size, workers):
            check_precision(contents.segments, segment.facts, contents.where)
            contents = contents.without(again.intersection(segment.records.ids.tolist())).plus(segment)
            if save:
                self.contents = contents
                self.save()
                contents = self.contents
        self.contents = contents
        return len(records)

    def _placed(self, photos: Source) -> PlaceSet:
        coordinates: Literal["utm", "local"] = "local" if self.contents.coordinates == "local" else "utm"
        return photos if isinstance(photos, PlaceSet) else photos_with_positions(photos, coordinates)

    def remove(self, ids: str | Iterable[str]) -> int:
        """Take photos out.

        Args:
            ids: Of the photos.

        Returns:
            How many were removed.

        Raises:
            InputError: An id is not there.
        """
        wanted = {ids} if isinstance(ids, str) else {str(each) for each in ids}
        missing = sorted(wanted - self.contents.ids)
        if missing:
            raise InputError(f"{self.contents.where}: {len(missing)} ids are not in the index ({examples(missing)})")
        self.contents = self.contents.without(wanted)
        return len(wanted)

    def save(self, folder: str | Path | None = None, overwrite: bool = False) -> None:
        """Write what is not on the disk yet; the index there is the old one until all of the new one is written.

        Where another process has saved meanwhile, what was added and removed here is added and removed there. Where
        more than half of the photos have been removed, the rest is written anew without them.

        Args:
            folder: Where; None: where it was loaded from or saved before.
            overwrite: Whether another index in the folder may be replaced.

        Raises:
            InputError: There is no room, another index is there, or an id that was added here was added there too.
        """
        target = self.folder if folder is None else Path(folder).absolute()
        if target is None:
            raise InputError("save: name a folder for the index")
        self._write(target, overwrite, tidied)

    def compact(self) -> None:
        """Save all photos as one block, without those that were removed, whose space is freed."""
        if self.folder is None:
            raise InputError("compact: save the index first, into a folder")
        self._write(self.folder, False, whole)

    def _write(self, target: Path, overwrite: bool, shape: Callable[[Contents], Contents]) -> None:
        own = self.folder is not None and target.resolve() == self.folder.resolve()
        storage.check_folder(target)
        with storage.locked(target):
            there = (target / storage.MANIFEST).exists()
            if there and not own and not overwrite:
                raise InputError(f"{target}: holds another index; overwrite=True replaces it, or name another folder")
            revision = int(storage.manifest_of(target)["revision"]) if there else 0
            changed = there and own and revision != self.revision
            contents = shape(self._rebased(target) if changed else self.contents)
            if not (there and own and storage.is_saved(contents)):
                revision += 1
                contents = storage.write(target, contents, revision)
        self.contents = self._loaded = contents
        self.folder, self.revision = target, revision

    def _rebased(self, folder: Path) -> Contents:
        theirs, _ = storage.read(folder)
        same = ("model", "shown", "dtype", "coordinates")
        if any(getattr(theirs, key) != getattr(self.contents, key) for key in same):
            raise InputError(f"{folder}: has been replaced by another index meanwhile; save this one elsewhere")
        contents, twice = rebased(theirs, self.contents, self._loaded)
        if twice:
            raise InputError(
                f"{folder}: another process has added {len(twice)} of the same photos meanwhile"
                f" ({examples(sorted(twice))}); load the index again and add with same='skip'"
            )
        return contents

    @classmethod
    def load(cls, folder: str | Path, net: DescriptorNet | None = None) -> Index:
        """Open an index; its descriptors stay on the disk, and are mapped.

        Args:
            folder: Where it was saved.
            net: The network that it must have been built with; None: any.

        Raises:
            InputError: There is none, it is damaged, or of another network.
        """
        path = Path(folder).absolute()
        contents, revision = storage.read(path)
        if net is not None:
            check_network(contents, net)
        return cls(contents, path, revision)
