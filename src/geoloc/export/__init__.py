"""A network for other programs: as ONNX, by torch.export, with what was checked of the files. Plain torch."""
