"""What a check says: measurements, limits, verdicts, evidence and the record. Plain frozen data."""
