"""The Endpoints tab: deploy, watch and delete endpoints."""
