"""How good is an encoder: data sets, protocols, baselines, reports."""
