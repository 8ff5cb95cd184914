"""The Lightning layer: the only code besides `tasks/` that knows Lightning."""
