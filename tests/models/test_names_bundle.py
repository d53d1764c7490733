"""names@1, which comes with the program: what it can say, and what it must never say."""

from otorongo.models import labels, manifest, rollup

UNKNOWN_TO_IMAGENET = {
    *("Tapiridae", "Tayassuidae", "Cuniculidae", "Dasyproctidae", "Caviidae", "Didelphidae", "Procyonidae"),
    *("Leopardus", "Herpailurus", "Eira", "Nasua", "Hominidae"),
}


def test_it_says_what_imagenet_can_know_and_nothing_else() -> None:
    """Nothing about tapirs, peccaries, pacas, ocelots or people; every name lives in Peru; most classes say nothing."""
    bundle = manifest.load("names@1")
    outputs = labels.read(bundle.path("labels"))
    said = {label for label in outputs if label.special != "unknown"}
    assert len(outputs) == 1000
    assert not bundle.manifest.validated
    assert not {part for label in said for part in label.lineage} & UNKNOWN_TO_IMAGENET
    assert not [label for label in said if label.special]
    assert all(rollup.allowed(label.lineage) for label in said)
    names = {label.name for label in said if label.lineage[4]}
    assert names == {"Panthera onca", "Puma concolor"}
    assert sum(label.special == "unknown" for label in outputs) > 500


def test_apes_say_nothing() -> None:
    """A person in the dark is easily taken for one."""
    outputs = labels.read(manifest.load("names@1").path("labels"))
    assert {outputs[at].special for at in range(365, 370)} == {"unknown"}
