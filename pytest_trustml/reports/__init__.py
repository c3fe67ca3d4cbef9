"""Views of a record: JUnit properties, Markdown, one HTML page, terminal lines, and the evidence files beside them."""
