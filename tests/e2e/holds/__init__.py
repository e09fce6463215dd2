"""Many requests held at once on one Envoy worker: none goes on without a verdict, all go on with one, and what each costs in memory."""
