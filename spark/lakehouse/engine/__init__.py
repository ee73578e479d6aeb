"""What a run is: plan, stages, scope, derive, ingest, write, verify. Names no table."""
