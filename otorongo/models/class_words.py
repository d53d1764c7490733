"""What people call the classes of the wire, in Spanish and English."""

from typing import Final

from otorongo.language import LANGUAGES, language

CLASSES: Final = {
    "chainsaw": ("motosierra", "chainsaw"),
    "engine": ("motor", "engine"),
    "engine_steady": ("motor de ritmo parejo", "steady engine"),
    "boat": ("bote", "boat"),
    "vehicle": ("vehículo", "vehicle"),
    "aircraft": ("aeronave", "aircraft"),
    "gunshot": ("disparo", "gunshot"),
    "tree_fall": ("caída de árbol", "tree fall"),
    "fire": ("fuego", "fire"),
    "speech": ("voz", "speech"),
    "dog": ("perro", "dog"),
    "rain": ("lluvia", "rain"),
    "wind": ("viento", "wind"),
    "thunder": ("trueno", "thunder"),
    "insects": ("insectos", "insects"),
    "frogs": ("ranas", "frogs"),
    "birds": ("aves", "birds"),
    "howler": ("coto (mono aullador)", "howler"),
    "other": ("otro", "other"),
    "excavator": ("excavadora", "excavator"),
    "generator": ("generador", "generator"),
    "person": ("persona", "person"),
    "animal": ("animal", "animal"),
    "cattle": ("ganado", "cattle"),
    "smoke": ("humo", "smoke"),
    "blank": ("vacía", "blank"),
}


def named(name: str, lang: str = "") -> str:
    """A class as people say it, in `es` or `en`, else as this process speaks; an unknown name stays."""
    return CLASSES.get(name, (name, name))[LANGUAGES.index(lang or language())]
