"""What `otorongo-station tune` says, in Spanish and English."""

from collections.abc import Mapping
from typing import Final

from otorongo.language import language

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "es": {
        "passes": "PASA",
        "held": "no pasa",
        "light": "solo luz",
        "rain": "lluvia, y nadie en ella",
        "sway": "hojas que se mecen",
        "insects": "insectos ante la lámpara",
        "small": "lo que se movió no cuenta",
        "nothing": "nada se movió",
        "infrared": "noche, infrarrojo",
        "all new": "escena nueva: pasa entera",
        "no piece": "nada cambió bastante",
        "frame passes": "marco: pasa a la red",
        "frame held": "marco: no pasa",
        "counts": "se movió y cuenta",
        "counts not": "se movió y no cuenta",
        "differs": "cambió",
        "mask": "máscara: aquí no se mira",
        "zone": "zona: solo aquí se mira",
        "piece": "{share:.1%} de la foto, peso {weight:.0f}{why}",
        "limits": "{label}   cambia desde {grey:.0f} grises",
        "explains 1": "Peso: cuánto y cuán fuerte cambió una pieza; desde {least:.0f} cuenta, y la foto pasa.",
        "explains 2": "Grises (de 255): lo que un punto debe cambiar; sube con el ruido de la cámara.",
        "outside of every zone": "fuera de toda zona",
        "an insect, if it is gone in the next frame": "insecto, si no sigue",
        "title": "{source}: de {count} fotos, {passed} pasan a la red; aquí {shown}",
        "wrote": "{path}: {shown} fotos de {count}; a la red pasaron {passed}\n",
        "why": "  no pasaron {count}: {why}\n",
        "people": "En {path} puede verse gente, sin sellar: solo usted puede leerlo (0600). Bórrelo al terminar.\n",
        "looking": "Mirando {seconds:.0f} s por la cámara: pase delante, a las distancias que importan.\n",
    },
    "en": {
        "passes": "PASSES",
        "held": "held back",
        "light": "no more than light",
        "rain": "rain, and nobody in it",
        "sway": "leaves that sway",
        "insects": "insects before the lamp",
        "small": "what moved does not count",
        "nothing": "nothing moved",
        "infrared": "night, infrared",
        "all new": "another scene: passes whole",
        "no piece": "nothing changed enough",
        "frame passes": "frame: goes to the network",
        "frame held": "frame: held back",
        "counts": "moved, and counts",
        "counts not": "moved, and does not count",
        "differs": "changed",
        "mask": "mask: not looked at",
        "zone": "zone: looked at only here",
        "piece": "{share:.1%} of the frame, weight {weight:.0f}{why}",
        "limits": "{label}   changes from {grey:.0f} greys on",
        "explains 1": "Weight: how much and how strongly a piece changed; from {least:.0f} on it counts and passes.",
        "explains 2": "Greys (of 255): how much a point must change; more where the camera is noisy.",
        "outside of every zone": "outside of every zone",
        "an insect, if it is gone in the next frame": "insect, if it is gone",
        "title": "{source}: of {count} frames {passed} go to the network; here {shown}",
        "wrote": "{path}: {shown} frames of {count}; {passed} went on to the network\n",
        "why": "  held back {count}: {why}\n",
        "people": "{path} may show people, unsealed: only you can read it (0600). Delete it when you are done.\n",
        "looking": "Looking through the camera for {seconds:.0f} s: walk before it, at the distances that matter.\n",
    },
}


def words() -> Mapping[str, str]:
    """Of the language that this process speaks."""
    return WORDS[language()]
