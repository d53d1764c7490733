"""What each label of the recordings means for the network: positive, unknown, and (all that is left) negative."""

CLASSES = (
    "chainsaw",
    "engine",
    "aircraft",
    "gunshot",
    "thunder",
    "rain",
    "wind",
    "insects",
    "frogs",
    "birds",
    "speech",
    "other",
    "dog",
    "fire",
)
"""New ones go to the end: what an earlier network gives out keeps its place."""

# What may sound in any recording made outdoors without its label saying so.
_OUTDOOR = "rain wind insects frogs birds"
_QUIET_OUTDOOR = "wind insects birds"

# label: (positives, unknowns); unknowns are masked in training and left out of evaluation.
_RULES: dict[str, tuple[str, str]] = {
    # esc10
    "baby_cry": ("other", "speech"),
    "clock_tick": ("other", ""),
    "dog_bark": ("dog", "other"),
    "fire_crackling": ("fire", "other"),
    "helicopter": ("aircraft", "engine wind"),
    "person_sneeze": ("other", "speech"),
    "rooster": ("birds", "other"),
    "sea_waves": ("other", "wind rain birds"),
    # library
    "aircraft": ("aircraft", "engine wind birds"),
    "background_natural": ("", _OUTDOOR + " other aircraft dog"),
    "background_tropical_forest": ("insects", _OUTDOOR + " other"),
    "background_urban": ("other", "engine aircraft speech dog"),
    "birds": ("birds", _OUTDOOR + " other"),
    "boat_horn": ("other", "engine"),
    "boat_nonmotor": ("other", "wind birds"),
    "canid_wild": ("other", _OUTDOOR + " dog"),
    "chainsaw": ("chainsaw", "engine wind birds other"),
    "chainsaw_electric": ("other", "chainsaw engine"),
    "explosion": ("other", "gunshot thunder"),
    "fire": ("fire", "wind insects other"),
    "footsteps": ("other", "birds wind"),
    "frogs": ("frogs", _OUTDOOR + " other"),
    "generator": ("engine", ""),
    "gunshot": ("gunshot", "other"),
    "insects": ("insects", _OUTDOOR + " other"),
    "insects_night": ("insects", _OUTDOOR + " other"),
    "leaf_blower": ("other", "engine"),
    "machine_other": ("other", "engine"),
    "mammal_other": ("other", _OUTDOOR + " dog"),
    "other": ("other", "wind birds speech"),
    "primates": ("other", _OUTDOOR),
    "pump_aquarium": ("other", "engine"),
    "rain": ("rain", _OUTDOOR + " thunder other"),
    "saw_circular": ("other", ""),
    "scream": ("other", "speech"),
    "speech": ("speech", "other"),
    "speech_crowd": ("speech", "other"),
    "thunder": ("thunder", _OUTDOOR + " other"),
    "tool_hand": ("other", ""),
    "train": ("other", "engine wind"),
    "tree_fall": ("other", "wind birds"),
    "vehicle": ("engine", "wind birds other"),
    "vehicle_horn": ("other", "engine"),
    "water": ("other", "wind rain birds"),
    "water_geothermal": ("other", "wind rain birds insects"),
    "wind": ("wind", _OUTDOOR + " other"),
    # antummt, by what its names mean
    "effect": ("other", "dog fire"),
    "voice_effect": ("other", "speech"),
    "blast_effect": ("other", "gunshot thunder fire"),
    "compressor": ("other", ""),
    # whole sets
    "forest_background": ("", _QUIET_OUTDOOR + " rain frogs other aircraft thunder"),
}

_ANTUMMT = {
    "aircraft": "airplane_prop helicopter jet_ambience jet_flyby jet_land",
    "gunshot": "ar_burst ar_fire pistol_fire rifle_fire rifle_small_fire rifle_fire_cock shotgun_fire_pump",
    "vehicle": "car_motor motorbike_idle vehicle_motor_idle",
    "compressor": "compressor_motor",
    "rain": "rain_heavy rain_light rain_medium",
    "thunder": "thunder",
    "wind": "wind",
    "insects": "cicada cricket grasshopper bee bees bumble_bee",
    "frogs": "frog",
    "birds": (
        "bird canary crow_caw duck_quack goose owl_hoot parrot parrot_chirp parrot_whistle peacock pigeon quail "
        "rooster seagull seagulls turkey_gobble woodpecker_peck chicken"
    ),
    "blast_effect": "explosion explosion_distant fireworks fireworks_pop explosion_scifi fireball",
    "voice_effect": (
        "laugh_evil mermaid_song undead_moan vomit zombie_damage zombie_growl skeleton_bones gorilla_grunt whistle"
    ),
}
_ANTUMMT_DROPPED = ("monkey",)
"""A human imitation."""

_LIBRARY_DROPPED = ("gear_shift", "engine_stop")
"""Named after a vehicle, but no engine is heard in most of it."""


_EVENTS = {
    "chainsaw": (4, 8), "engine": (4, 8), "aircraft": (3, 6), "gunshot": (1, 1), "speech": (2, 4), "dog": (2, 6),
    "fire": (6, 12),
}  # fmt: skip


TRAINED_AS = {"scream": "speech"}
"""Labels that mean more to a network that learns than to one that is judged: where people scream there are people."""

EXPERIMENTAL = frozenset({"aircraft", "gunshot", "thunder", "frogs", "speech", "dog", "fire"})
"""Classes of which no figure on a dozen independent recordings, in the open and at a distance, stands for the station:
shots are close and dry, most voices telephone prompts, aircraft mostly missed, and of the others few recordings were
there to calibrate on."""


def event_rule(name: str) -> tuple[int, int]:
    """An event of the class opens with so many hits in so many windows in a row, which come every 1.5 s."""
    return _EVENTS.get(name, (3, 6))


def meaning(label: str) -> tuple[frozenset[str], frozenset[str]]:
    """Positive and unknown classes of a label. Raises KeyError for a label without a rule."""
    positive, unknown = (frozenset(words.split()) for words in _RULES[label])
    return positive, unknown - positive


def antummt_label(stem: str) -> str | None:
    """The label of a file of the antummt set (`sounds_pistol_fire_02`), None to leave it out."""
    name = stem.removeprefix("sounds_").rstrip("0123456789").rstrip("_")
    if name in _ANTUMMT_DROPPED:
        return None
    for label, names in _ANTUMMT.items():
        if name in names.split():
            return label
    return "effect"


def library_dropped(file: str) -> bool:
    """True for files of the library that their label does not fit."""
    return any(word in file for word in _LIBRARY_DROPPED)
