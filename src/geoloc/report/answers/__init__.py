"""What task=localize leaves behind: where each photo was taken, as tables, as GeoJSON, and on a page with a map."""
