"""What a sound bundle reaches on labelled recordings that it was never trained on: `otorongo-models evaluate`."""
