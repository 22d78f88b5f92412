"""What several artefacts share."""
