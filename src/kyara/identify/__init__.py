"""Who is it: scores, aggregation, calibrated probabilities, the gallery."""
