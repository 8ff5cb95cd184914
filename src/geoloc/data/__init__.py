"""From files to image tensors: readers, domains, datasets, augmentation, and the demo city."""
