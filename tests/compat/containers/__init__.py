"""AWS's own containers as judges: the toolkits of its images, in surroundings like theirs, run what we send there."""
