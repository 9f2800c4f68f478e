// VolumeSnapshot
