"""The report as one page: no script, no request to anywhere, readable in the dark, on paper and on a phone."""
