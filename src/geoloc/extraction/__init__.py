"""How images are described fast when nothing is learned from them: validation, tests, mining. Plain torch."""
