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
        "weight": "peso",
        "threshold": "umbral",
        "all new": "escena nueva: pasa entera",
        "no piece": "ninguna pieza con peso",
        "counts": "cuenta",
        "counts not": "no cuenta",
        "differs": "difiere",
        "mask": "máscara",
        "zone": "zona",
        "outside of every zone": "fuera de toda zona",
        "an insect, if it is gone in the next frame": "insecto, si no sigue",
        "title": "{section} {source}: {passed} de {count} imágenes pasan la puerta; aquí {shown}",
        "wrote": "{path}: {shown} imágenes de {count}; {passed} pasaron a la red\n",
        "why": "  {count} no pasaron: {why}\n",
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
        "weight": "weight",
        "threshold": "threshold",
        "all new": "another scene: passes whole",
        "no piece": "no piece of weight",
        "counts": "counts",
        "counts not": "counts not",
        "differs": "differs",
        "mask": "mask",
        "zone": "zone",
        "outside of every zone": "outside of every zone",
        "an insect, if it is gone in the next frame": "insect, if it is gone",
        "title": "{section} {source}: {passed} of {count} frames pass the gate; here {shown}",
        "wrote": "{path}: {shown} frames of {count}; {passed} went on to the network\n",
        "why": "  {count} held back: {why}\n",
        "people": "{path} may show people, unsealed: only you can read it (0600). Delete it when you are done.\n",
        "looking": "Looking through the camera for {seconds:.0f} s: walk before it, at the distances that matter.\n",
    },
}


def words() -> Mapping[str, str]:
    """Of the language that this process speaks."""
    return WORDS[language()]
