"""A lasting index of photos: descriptors, where and when each was taken, and the search. `geoloc.Index`."""
