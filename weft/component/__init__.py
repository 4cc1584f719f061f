"""Components: bytes to plan, names, validation, linking, instantiation."""
