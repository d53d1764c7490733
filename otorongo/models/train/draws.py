"""What mixtures are made of: which rendered voice means what, and how often each class and label is drawn."""

# voice: (positives, unknowns) of what scenes.py renders
RENDERED = {
    "chainsaw": ("chainsaw", "engine"),
    "diesel": ("engine", ""),
    "peque_peque": ("engine", ""),
    "outboard": ("engine", ""),
    "gunshot": ("gunshot", ""),
    "rain": ("rain", ""),
    "wind": ("wind", ""),
    "insects": ("insects", ""),
    "frogs": ("frogs", ""),
    "birds": ("birds", ""),
    "howler": ("other", ""),
    "dredge": ("engine", ""),
    "generator": ("engine", ""),
    "lorry": ("engine", ""),
    "brush_cutter": ("engine", ""),
    "leaf_blower": ("engine", ""),
    "motorbike": ("engine", ""),
    "bee": ("insects", "other"),
    "wings": ("other", "insects birds"),
    "curassow": ("birds", "other"),
}
LOOKALIKES = ("brush_cutter", "leaf_blower", "motorbike", "lorry", "bee", "wings", "curassow", "howler")
"""Rendered voices that are taken for saws, machines or shots: drawn by themselves, each as often as any other."""

RENDERED_BEDS = {
    "day": (frozenset({"birds"}), frozenset({"insects"})),
    "night": (frozenset({"insects"}), frozenset({"frogs"})),
    "none": (frozenset[str](), frozenset({"wind"})),
}

# How often a foreground is drawn of each class, and how often it is rendered rather than recorded.
DRAW = {
    "chainsaw": (0.25, 0.20),
    "engine": (0.16, 0.50),
    "aircraft": (0.09, 0.0),
    "gunshot": (0.18, 0.35),
    "thunder": (0.05, 0.0),
    "rain": (0.05, 0.2),
    "wind": (0.03, 0.3),
    "insects": (0.04, 0.3),
    "frogs": (0.03, 0.3),
    "birds": (0.04, 0.1),
    "speech": (0.07, 0.0),
    "other": (0.09, 0.15),
    "dog": (0.03, 0.0),
    "fire": (0.04, 0.0),
    "hard": (0.15, 0.0),
    "lookalike": (0.10, 1.0),
}
HARD = (
    "leaf_blower", "saw_circular", "machine_other", "compressor", "generator", "vehicle", "train", "helicopter",
    "aircraft", "water_geothermal", "water", "sea_waves", "insects_night", "insects", "background_tropical_forest",
    "fire", "thunder", "explosion", "blast_effect", "tool_hand", "tree_fall", "fire_crackling", "pump_aquarium",
    "background_urban", "clock_tick", "dog_bark", "leaf_blower", "leaf_blower",
)  # fmt: skip
"""Labels that are taken for saws, engines or shots: each is drawn as often as it stands here, however few its
recordings."""
TROPICAL = ("background_tropical_forest", "insects_night", "insects")
BRIEF = ("gunshot", "birds", "frogs", "insects", "speech", "other", "dog", "fire")
"""Classes that a small part of a window shows."""
NATURE = ("rain", "wind", "insects", "frogs", "birds")
