"""fireside: an application in which a model tells a story, turn by turn. It knows nothing of harness."""
