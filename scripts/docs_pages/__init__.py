"""The generated parts of the documents: each page is a function from the product's own tables to Markdown."""
