"""What the tests share: generated problems and clusters, the player of recordings, a lab of controllers."""
