"""Which crops of a query are described, and how their predictions become one list."""
