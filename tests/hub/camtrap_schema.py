"""What Camtrap DP 1.0.2 demands of its three tables, as Table Schemas, so that no test needs the network.

Written from the standard's pages (https://camtrap-dp.tdwg.org/data): name, type, and what a value must be.
"""

from typing import Any

WHEN = {"type": "datetime", "format": "%Y-%m-%dT%H:%M:%S%z"}
KEY = {"required": True, "unique": True}
MUST = {"required": True}
Field = tuple[str, dict[str, Any], dict[str, Any]]


def _between(low: float, high: float) -> dict[str, Any]:
    return {"minimum": low, "maximum": high}


def _one_of(*words: str) -> dict[str, Any]:
    return {"enum": list(words)}


S, N, W, B, A = ({"type": kind} for kind in ("string", "number", "integer", "boolean", "any"))

FEATURES = (
    *("roadPaved", "roadDirt", "trailHiking", "trailGame", "roadUnderpass", "roadOverpass", "roadBridge", "culvert"),
    *("burrow", "nestSite", "carcass", "waterSource", "fruitingTree"),
)
DEPLOYMENTS: list[Field] = [
    ("deploymentID", S, KEY), ("locationID", S, {}), ("locationName", S, {}), ("latitude", N, MUST | _between(-90, 90)),
    ("longitude", N, MUST | _between(-180, 180)), ("coordinateUncertainty", W, {"minimum": 1}),
    ("deploymentStart", WHEN, MUST), ("deploymentEnd", WHEN, MUST), ("setupBy", S, {}), ("cameraID", S, {}),
    ("cameraModel", S, {}), ("cameraDelay", W, {"minimum": 0}), ("cameraHeight", N, {"minimum": 0}),
    ("cameraDepth", N, {"minimum": 0}), ("cameraTilt", W, _between(-90, 90)), ("cameraHeading", W, _between(0, 360)),
    ("detectionDistance", N, {"minimum": 0}), ("timestampIssues", B, {}), ("baitUse", B, {}),
    ("featureType", S, _one_of(*FEATURES)),
    ("habitat", S, {}), ("deploymentGroups", S, {}), ("deploymentTags", S, {}), ("deploymentComments", S, {}),
]  # fmt: skip
MEDIA: list[Field] = [
    ("mediaID", S, KEY), ("deploymentID", S, MUST), ("captureMethod", S, _one_of("activityDetection", "timeLapse")),
    ("timestamp", WHEN, MUST), ("filePath", S, MUST | {"pattern": r"^(?=^[^./~])(^((?!\.{2}).)*$).*$"}),
    ("filePublic", B, MUST), ("fileName", S, {}), ("fileMediatype", S, MUST | {"pattern": "^(image|video|audio)/.*$"}),
    ("exifData", A, {}), ("favorite", B, {}), ("mediaComments", S, {}),
]  # fmt: skip
OBSERVATIONS: list[Field] = [
    ("observationID", S, KEY), ("deploymentID", S, MUST), ("mediaID", S, {}), ("eventID", S, {}),
    ("eventStart", WHEN, MUST), ("eventEnd", WHEN, MUST), ("observationLevel", S, MUST | _one_of("media", "event")),
    ("observationType", S, MUST | _one_of("animal", "human", "vehicle", "blank", "unknown", "unclassified")),
    ("cameraSetupType", S, _one_of("setup", "calibration")), ("scientificName", S, {}), ("count", W, {"minimum": 1}),
    ("lifeStage", S, _one_of("adult", "subadult", "juvenile")), ("sex", S, _one_of("female", "male")),
    ("behavior", S, {}), ("individualID", S, {}), ("individualPositionRadius", N, {"minimum": 0}),
    ("individualPositionAngle", N, _between(-90, 90)), ("individualSpeed", N, {"minimum": 0}),
    ("bboxX", N, _between(0, 1)), ("bboxY", N, _between(0, 1)), ("bboxWidth", N, _between(1e-15, 1)),
    ("bboxHeight", N, _between(1e-15, 1)), ("classificationMethod", S, _one_of("human", "machine")),
    ("classifiedBy", S, {}), ("classificationTimestamp", WHEN, {}),
    ("classificationProbability", N, _between(0, 1)), ("observationTags", S, {}), ("observationComments", S, {}),
]  # fmt: skip

_TABLES = {"deployments": DEPLOYMENTS, "media": MEDIA, "observations": OBSERVATIONS}
_REFERS = {"media": ("deployments",), "observations": ("deployments", "media")}
_IDS = {"deployments": "deploymentID", "media": "mediaID", "observations": "observationID"}


def schema(table: str) -> dict[str, Any]:
    """The Table Schema of one table."""
    return {
        "fields": [{"name": name, **kind, "constraints": bounds} for name, kind, bounds in _TABLES[table]],
        "missingValues": ["", "NA", "NaN", "nan"],
        "primaryKey": [_IDS[table]],
        "foreignKeys": [
            {"fields": [_IDS[other]], "reference": {"resource": other, "fields": [_IDS[other]]}}
            for other in _REFERS.get(table, ())
        ],
    }
