"""The machinery: session, registry, plan, stages, runner. Names no table."""
