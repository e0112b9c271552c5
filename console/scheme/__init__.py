"""Who opens ``sagedeck://`` links on this computer: told, and changed for this user alone when the operator asks."""
