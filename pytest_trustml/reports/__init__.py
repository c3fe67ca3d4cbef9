"""Views of a record: JUnit properties, Markdown, HTML, SARIF, a model card, terminal lines; and the evidence beside them."""
